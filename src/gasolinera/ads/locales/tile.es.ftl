ads = Publicidad de hoy
none = Hoy no se ha gastado
before = Hace una semana, todo el día: { $amount }
