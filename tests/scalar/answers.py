#!/usr/bin/env python3
"""Rewrites the answers in calls.tsv with those of a PostgreSQL 15 server (PGHOST, PGPORT, PGUSER).

A line is: name, arguments, answer, separated by tabs. A name of symbols is an operator, `cast` casts its
argument to the type named second, `agg NAME` aggregates rows of one argument each (blank: no rows).
An argument is `type value`; the value NULL is null; 'value is a literal of unknown type.
The answer is `= type value`, or `! message`.
"""
import subprocess
import sys


def literal(argument):
    if argument.startswith("'"):
        return "'" + argument[1:].replace("'", "''") + "'"
    type_name, _, value = argument.partition(" ")
    if type_name == "char":
        type_name = '"char"'
    if value == "NULL":
        return f"NULL::{type_name}"
    return "'" + value.replace("'", "''") + f"'::{type_name}"


def call(name, arguments):
    if name == "cast":
        return f"CAST({literal(arguments[0])} AS {arguments[1]})"
    values = [literal(argument) for argument in arguments]
    if name.startswith("agg "):
        rows = ", ".join(f"({value})" for value in values)
        return f"(SELECT {name[4:]}(x) FROM (VALUES {rows}) AS r(x))"
    if name == "extract":
        return f"pg_catalog.extract({', '.join(values)})"
    if name == "position":
        return f"pg_catalog.position({', '.join(values)})"
    if name[0].isalpha() or name[0] == "_":
        return f"pg_catalog.{name}({', '.join(values)})" if name not in ("concat_x",) else ""
    if len(values) == 1:
        return f"{name} {values[0]}"
    return f"{values[0]} {name} {values[1]}"


def ask(lines):
    script = ["\\set VERBOSITY terse", "\\pset null NULL"]
    for fields in lines:
        expression = call(fields[0], fields[1:])
        script.append("\\echo @@@")
        script.append(f"SELECT (SELECT typname FROM pg_type WHERE oid = pg_typeof(({expression}))::oid), ({expression});")
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-q", "-F", "\t"], input="\n".join(script), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    for block in done.stdout.split("@@@\n")[1:]:
        block = block.rstrip("\n")
        if "ERROR:  " in block:
            message = block.split("ERROR:  ", 1)[1].split("\n")[0]
            yield "! " + message.split(" at character ")[0]
        else:
            yield "= " + block.replace("\t", " ", 1).replace("\n", "\\n")


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    cases = [i for i, line in enumerate(lines) if line and not line.startswith("#")]
    fields = [[f for f in lines[i].split("\t") if not f.startswith(("= ", "! "))] for i in cases]
    for i, parts, answer in zip(cases, fields, ask(fields), strict=True):
        lines[i] = "\t".join(parts + [answer])
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


main()
