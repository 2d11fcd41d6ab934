"""Columns and files as people reported them to other tools, with invented values: repository#issue, and what is right here."""

import csv
from itertools import product

import pandas as pd
import pytest
from example.core import clean, reader

ROWS = 60
AMOUNTS = [round(37.31 * i + 4.05, 2) for i in range(ROWS)]
DAYS = [(i % 28 + 1, i % 12 + 1) for i in range(ROWS)]

# What a column holds, of which the values are repeated to ROWS; its type; and its second value.
COLUMNS = {
    "csvkit#977 ids with leading zeros": ([f"{7919 * i:08d}" for i in range(ROWS)], "number", 7919),
    "duckdb#11411 codes of 12 regions": ([f"{i:02d}" for i in range(1, 13)], "number", 2),
    "SDV#2780 day, month and year without a mark": ([f"{d:02d}{m:02d}2025" for d, m in DAYS], "date", "2025-02-02"),
    "readr#291 eight digits that are not dates": ([f"0{4789455 + 7 * i}" for i in range(ROWS)], "number", 4789462),
    "CSV.jl#1147 a currency behind": ([f"{x} CHF" for x in AMOUNTS], "number", AMOUNTS[1]),
    "CSV.jl#1147 percent": ([f"{i} %" for i in range(ROWS)], "number", 1),
    "CSV.jl#1147 euros": ([f"{i}€" for i in range(ROWS)], "number", 1),
    "firefly-iii#1087 euros in brackets": ([f"€({x})" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "firefly-iii#1087 dollars in brackets": ([f"(${x})" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "bilig#46 margins": ([f"{-x}%" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "moneymanagerex#2898 brackets": ([f"({x})" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "tallybook#310 a sign behind": ([f"{x}-" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "mathesar#4276 genes": (["TP53", "BRCA1", "Pax6", "SOX2"], "category", "BRCA1"),
    "mathesar#4276 stars": (["Gliese 581", "LHS 1140", "Kepler-22"], "category", "LHS 1140"),
    "mathesar#4276 birthdays": (["February 2", "December 10", "January 7"], "category", "December 10"),
    "readr#308 negative numbers with a unit": ([f"-{i}G" for i in range(1, ROWS)], "number", -2),
    "wealthfolio#1341 two-digit years": ([f"{d:02d}.{m:02d}.26" for d, m in DAYS], "date", "2026-02-02"),
    "wealthfolio#1622 the order by the whole column": (
        ["03/08/26", *(f"{d}/{m}/26" for d, m in DAYS)], "date", "2026-01-01",
    ),
    "csvkit#280 a British column": (["31/12/2012", "02/01/2014"] * 20, "date", "2014-01-02"),
    "quadratic#2248 month and year": ([f"{m} {y}" for y, m in product((2023, 2024), ("Jan", "Feb"))], "date", "2023-02-01"),
    "date-fns#1650 quarters": ([f"Q{q}/{y}" for y, q in product((2019, 2020), (1, 2, 3, 4))], "category", "Q2/2019"),
    "araddon/dateparse#91 dots": ([f"{d}.{m}.2009" for d, m in DAYS], "date", "2009-02-02"),
    "buckets#533 single digits": ([f"{m}/{d}/2020" for d, m in DAYS], "date", "2020-02-02"),
    "machinelearning#5235 a limit among numbers": ([*(str(x) for x in AMOUNTS), "<1.0"], "number", AMOUNTS[1]),
    "pandas#13746 one letter among few numbers": (["1", "X", "2"], "category", "X"),
    "pandas#9669 integers that look alike": ([str(10**6 + i) for i in range(ROWS)], "number", 10**6 + 1),
    "dateutil#713 years with a point": ([f"{y}.{m:02d}" for y, m in product((2015, 2016), range(1, 13))], "number", 2015.02),
    "numfmt#31 days of a month": ([f"{d} {m}" for d, m in product((2, 9, 20), ("Feb", "May"))], "category", "2 May"),
    "week numbers": ([f"2020-W{w:02d}" for w in range(1, 53)], "category", "2020-W02"),
    "times with a zone": ([f"2024-01-{d:02d}T10:00:00+02:00" for d, _ in DAYS], "date", "2024-01-02 08:00"),
    "points for thousands": ([f"1.{100 + i}.567,89" for i in range(ROWS)], "number", 1101567.89),
    "a space that does not break": ([f"1\u00a0{100 + i},5" for i in range(ROWS)], "number", 1101.5),
    "Swiss thousands": ([f"1'{100 + i}.5" for i in range(ROWS)], "number", 1101.5),
    "lakhs of rupees": ([f"Rs. 1,{20 + i},456" for i in range(ROWS)], "number", 121456),
    "thousands and millions": ([f"{i}.5{'kM'[i % 2]}" for i in range(ROWS)], "number", 1.5e6),
    "mixed units are not one number": ([f"{i} GB" if i % 2 else f"{i} MB" for i in range(ROWS)], "category", "1 GB"),
    "ranges": (["10-20", "20-30", "30-40"], "category", "20-30"),
    "truth values in any case": (["TRUE", "False", "true", "FALSE"], "number", 0),
    "a minus sign of typographers": ([f"\u2212{x}" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "about": ([f"~{i}" for i in range(ROWS)], "number", 1),
    "references to a footnote": ([f"{i}*" if i % 6 == 1 else str(i) for i in range(ROWS)], "number", 1),
    "hours and minutes": (["1h 20m", "45m", "2 hrs 5 mins", "1 hr"], "number", 45 * 60),
    "an en dash as minus": ([f"\u2013{x}" for x in AMOUNTS], "number", -AMOUNTS[1]),
    "dollars an hour": ([f"${x}/hr" for x in AMOUNTS], "number", AMOUNTS[1]),
    "two spellings of no value": (["7", "8", "N.A.", "-", "n/a"], "number", 8),
    "dates of mail": ([f"{pd.Timestamp(2024, m, d):%a, %d %b %Y %H:%M:%S} GMT" for d, m in DAYS], "date", "2024-02-02"),
    "full-width digits": ([str(i).translate({c: c + 0xFEE0 for c in range(48, 58)}) for i in range(ROWS)], "number", 1),
}  # fmt: skip


def typed(path):
    table, _ = reader.read(path)
    return clean.type_columns(clean.clean(table, target="y", duplicates="keep"), {})


@pytest.mark.parametrize("report", COLUMNS)
def test_a_column_of_a_report_has_its_type_and_values(tmp_path, report):
    values, wanted, second = COLUMNS[report]
    values = (values * ROWS)[: max(ROWS, len(values))]
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a", "y"], *([value, "ab"[i % 2]] for i, value in enumerate(values))])
    column = typed(tmp_path / "t.csv")["a"]
    assert column.type == wanted
    value = column.values.iloc[1]
    assert value == (
        pd.Timestamp(second) if wanted == "date" else pytest.approx(second) if wanted == "number" else second
    )


# A file as it was reported, its columns, and the second value of the first column.
FILES = {
    "cpython#97611 quotes around tabs": (
        'Surname;First Name;y\n"\tDoe";Jane;1\n"\tRoe";Ann;2\n"\tPoe";Eve;1\n', ["Surname", "First Name", "y"], "Roe",
    ),
    "qsv-sniffer#13 emoji": (
        '"a","b","y"\n"あ","い","う"\n"🥳","🥰","🤪"\n"🥳","💥","う"\n', ["a", "b", "y"], "🥳",
    ),
    "datapusher-plus#256 semicolons": (
        "date;temperature;y\n2011-01-01;1;Galway\n2011-01-02;-1;Galway\n2011-01-03;0;Berkeley\n",
        ["date", "temperature", "y"], "2011-01-02",
    ),
    "qsv#1719 a letter that recurs": (
        "Quarter,Completions NEW,%YoY > Q,y\nQ1 2001,10,1%,E\nQ2 2001,12,2%,E\nQ3 2001,9,3%,W\n",
        ["Quarter", "Completions NEW", "%YoY > Q", "y"], "Q2 2001",
    ),
    "duckdb#14115 pipes with commas in text": (
        "FlightDate|Carrier|Origin|y\n1988-01-01|AA|New York, NY|1\n1988-01-02|AA|Los Angeles, CA|2\n1988-01-03|B|Rome, IT|1\n",
        ["FlightDate", "Carrier", "Origin", "y"], "1988-01-02",
    ),
    "duckdb#15576 a title above": (
        "Estrazione del 2025-01-06\nidImpianto;Gestore;y\n1;Rossi | Figli;a\n2;Bianchi;b\n3;Verdi;a\n4;Neri;b\n",
        ["idImpianto", "Gestore", "y"], "2",
    ),
    "pysdmx#460 bars within labels": (
        "STRUCTURE,LABEL,y\ndataflow,Euro | total,1\ndataset,Euro | part,2\ndataflow,Dollar | part,1\n",
        ["STRUCTURE", "LABEL", "y"], "dataset",
    ),
    "invisible spaces around names": ("\u200bid,na\u200bme\u200b,y\u2060\n5,Ann,a\n7,Ben,b\n9,Cem,a\n", ["id", "na\u200bme", "y"], "7"),
    "datapusher-plus#103 tabs": ("id\tname\ty\n5\tAnn\ta\n7\tBen\tb\n9\tCem\ta\n", ["id", "name", "y"], "7"),
}  # fmt: skip


@pytest.mark.parametrize("report", FILES)
def test_a_file_of_a_report_has_its_columns(tmp_path, report):
    text, names, second = FILES[report]
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    table, _ = reader.read(tmp_path / "t.csv")
    assert list(table) == names
    assert table.iloc[1, 0] == second
