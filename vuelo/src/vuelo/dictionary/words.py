"""The words of the pages, in the languages that they are written in."""

from collections.abc import Mapping
from enum import StrEnum


class Language(StrEnum):
    ENGLISH = "en"
    SPANISH = "es"


_ENGLISH = {
    "dictionary": "Data dictionary", "schema": "Schema", "diagram": "Diagram", "tables": "Tables", "views": "Views",
    "routines": "Functions", "types": "Types", "migrations": "Migrations", "services": "Services",
    "column": "Column", "type": "Type", "null": "Null", "default": "Default", "comment": "Comment", "yes": "yes",
    "no": "no", "constraints": "Constraints", "indexes": "Indexes", "triggers": "Triggers",
    "partitioned": "Partitioned by", "definition": "Definition", "returns": "Returns", "language": "Language",
    "name": "Name", "version": "Version", "description": "Description", "script": "Script", "installed": "Installed",
    "search": "Search tables and columns", "found": "found", "contents": "Contents", "top": "Back to the top",
    "definer": "runs with the rights of its owner", "referenced": "Referred to by", "materialized": "materialized",
    "diagram_of": "Entity-relationship diagram of", "skip": "Skip to the tables",
}  # fmt: skip
_SPANISH = {
    "dictionary": "Diccionario de datos", "schema": "Esquema", "diagram": "Diagrama", "tables": "Tablas",
    "views": "Vistas", "routines": "Funciones", "types": "Tipos", "migrations": "Migraciones",
    "services": "Servicios", "column": "Columna", "type": "Tipo", "null": "Nulo", "default": "Valor inicial",
    "comment": "Comentario", "yes": "sí", "no": "no", "constraints": "Restricciones", "indexes": "Índices",
    "triggers": "Disparadores", "partitioned": "Particionada por", "definition": "Definición",
    "returns": "Devuelve", "language": "Lenguaje", "name": "Nombre", "version": "Versión",
    "description": "Descripción", "script": "Archivo", "installed": "Instalada",
    "search": "Buscar tablas y columnas", "found": "resultados", "contents": "Contenido", "top": "Volver arriba",
    "definer": "se ejecuta con los derechos de su dueño", "referenced": "La citan", "materialized": "materializada",
    "diagram_of": "Diagrama entidad-relación de", "skip": "Ir a las tablas",
}  # fmt: skip


def words(language: Language) -> Mapping[str, str]:
    return _SPANISH if language is Language.SPANISH else _ENGLISH
