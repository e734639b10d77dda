"""What all pages share: the template around them, their policy, static files, cookies, forms, language, errors.

Services bring the pages: `templates/` beside their code, rendered by `pages.page`.
"""
