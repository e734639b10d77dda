"""A project with everything in it that a file, a name or a folder can do to make two engines disagree."""

from pathlib import Path

LONG = "a_very_long_description_that_goes_on_" * 6 + "and_ends"
PLACEHOLDERS = {"Owner": "postgres", "greeting": "¡hola!"}

# By location, then path below it. Bytes, because ends of lines and byte order marks are what this is about.
_LOCATIONS: dict[str, dict[str, bytes]] = {
    "first": {
        "V001__Leading_zeros.sql": b"CREATE TABLE zeros (id int);\n",
        "V1_1__Underscore_in_version.sql": b"CREATE TABLE underscore (id int);",
        "V1.2__Byte_order_mark_and_crlf.sql": b"\xef\xbb\xbfCREATE TABLE bom (\r\n  id int\r\n);\r\n",
        "V1.10__Cr_only.sql": b"CREATE TABLE cr (\r  id int -- a comment\r);\rINSERT INTO cr VALUES (1);\r",
        "V1.10.0.1__Mixed_ends.sql": b"CREATE TABLE mixed (id int);\r\n\r\nINSERT INTO mixed\nVALUES (1);\r-- end",
        "V2.sql": b"CREATE TABLE no_description (id int);\n",
        "deep/er/V3__In_a_sub_folder.sql": b"CREATE TABLE sub (id int);\n",
        "V4__Suffix_in_capitals.SQL": b"CREATE TABLE capitals (id int);\n",
        f"V5__{LONG}.sql": b"CREATE TABLE long_description (id int);\n",
        "V6__Empty.sql": b"",
        "V7__Comment_only.sql": b"-- nothing is done here\n/* nor /* here */ */\n",
        "U7__Comment_only.sql": b"SELECT 1;\n",
    },
    "second": {
        "V8__Separators_that_end_no_line.sql": "CREATE TABLE seps (); -- \u2028\x0c\x0b\x85\nSELECT 1;\n".encode(),
        "V9__Se\xf1or_\u65e5\u672c.sql": 'CREATE TABLE "señor" ("名" text DEFAULT \'ñ\');\n'.encode(),
        "V10__Copy.sql": b"CREATE TABLE copied (a int, b text);\nCOPY copied FROM STDIN;\n1\tone; two\n2\t\\N\n\\.\n"
        b"CREATE TABLE after_copy ();\n",
        "V11__Dollar_quotes.sql": b"CREATE FUNCTION answer() RETURNS int LANGUAGE plpgsql AS $body$\n"
        b"BEGIN\n  PERFORM $$ ; $$;\n  RETURN 42;\nEND $body$;\n",
        "V12__Placeholders_everywhere.sql": b"-- ${greeting}\nCREATE TABLE owned ();\n"
        b"ALTER TABLE owned OWNER TO ${owner}; COMMENT ON TABLE owned IS '${GREETING} ${flyway:table}';\n",
        "V20261122103000__Timestamp.sql": b"CREATE TABLE ${flyway:defaultSchema}.stamped (id int);   \n",
        "R__View_with_placeholders.sql": b"\xef\xbb\xbfCREATE OR REPLACE VIEW greeted AS\r\n"
        b"SELECT '${greeting}' AS greeting, '${flyway:filename}' AS file, '${flyway:defaultSchema}' AS schema;\r\n",
        "R__a_lower_case_name.sql": b"CREATE OR REPLACE VIEW lower_case AS SELECT * FROM stamped;\n",
        "R__Z_upper_case_name.sql": b"CREATE OR REPLACE VIEW upper_case AS SELECT * FROM zeros;\n",
        "more/R__In_a_sub_folder.sql": b"CREATE OR REPLACE VIEW in_sub AS SELECT * FROM sub;\n",
    },
}
VERSIONS = [
    *("001", "1.1", "1.2", "1.10", "1.10.0.1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"),
    "20261122103000",
]
REPEATABLES = ["In a sub folder", "View with placeholders", "Z upper case name", "a lower case name"]


def write(folder: Path) -> tuple[Path, ...]:
    """The project's locations."""
    for location, files in _LOCATIONS.items():
        for name, content in files.items():
            path = folder / location / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return tuple(folder / location for location in _LOCATIONS)
