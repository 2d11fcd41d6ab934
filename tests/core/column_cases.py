"""Columns of every type, as people write them."""

import numpy as np
import pandas as pd

ROWS = 60
DAYS = pd.date_range("2024-01-15", periods=ROWS)
WORDS = ["quite a good red wine", "thin and sour at once", "a good nose of pears", "no fruit left in it"]

# name: the values of a column, its type, and its note (None if it has none)
COLUMNS = {
    "whole numbers": ([3, 1, 2] * 20, "number", None),
    "truth values": ([True, None, False] * 20, "number", None),
    "numbers with infinities": ([1.5, np.inf, 2.5] * 20, "number", "20 infinite values count as missing"),
    "thousands with points": (["1.234,5", "2,0"] * 30, "number", "numbers written like 1.234,5"),
    "thousands with commas": (["1,234.5", "2"] * 30, "number", "numbers written like 1,234.5"),
    "thousands with spaces": (["1 234,5", "2"] * 30, "number", "numbers written like 1 234,5"),
    "percent": (["5 %", "7%"] * 30, "number", "numbers with '%'"),
    "dollars": (["$1,234.50", "-$7"] * 30, "number", "numbers written like 1,234.5; numbers with '$'"),
    "euros": (["1.234,50 €", "7 €"] * 30, "number", "numbers written like 1.234,5; numbers with '€'"),
    "kilograms": (["5 kg", "7.5kg"] * 30, "number", "numbers with 'kg'"),
    "kilograms and pounds": (["5 kg", "7.5 lb"] * 30, "category", None),
    "numbers and question marks": (["1", "2", "?"] * 20, "number", "20 values such as '?' count as missing"),
    "numbers and None": (["1", "2", "None"] * 20, "number", "20 values such as 'None' count as missing"),
    "numbers and a few words": (
        [*map(str, range(58)), "many", "most"],
        "number",
        "2 values such as 'many' count as missing",
    ),
    "few numbers and a word": ([*"12" * 29, "many", "3"], "category", None),
    "thousands and millions": (
        ["€600K", "€1.5M", "€0"] * 20,
        "number",
        "numbers with '€'; thousands and millions (K, M, ...) multiplied out",
    ),
    "rupees": (["Rs. 1,23,456", "Rs. 900"] * 30, "number", "numbers written like 1,234.5; numbers with 'Rs.'"),
    "as bookkeepers write": (["(1,234.50)", "7.00-", "3"] * 20, "number", "numbers written like 1,234.5"),
    "three digits after a comma": (
        ["3,125", "1,250"] * 30,
        "number",
        "numbers written like 1,234.5",
    ),
    "less than one, with a comma": (["0,125", "1,250"] * 30, "number", "numbers written like 1.234,5"),
    "marks of spreadsheets": (["1.5", "#DIV/0!", "\\N", "2.5"] * 15, "number", None),
    "signs": (["+", "-", "0"] * 20, "category", None),
    "numbers and many words": (["1", "2", "many"] * 20, "category", None),
    "a word among many numbers": (
        [*map(str, range(30, 70)), *["k.A."] * 20],
        "number",
        "20 values such as 'k.A.' count as missing",
    ),
    "many numbers and more words": (
        [*map(str, range(30, 80)), *["<5", "<9", "none"] * 3, "?"],
        "category",
        "mostly numbers, but 10 values such as '<5': set number in data.types",
    ),
    "many dates and more words": (
        [*DAYS.strftime("%d.%m.%Y")[:50], *["soon", "never"] * 5],
        "category",
        "mostly dates, but 10 values such as 'soon': set date in data.types",
    ),
    "words, None among them": (["None", "some", "all"] * 20, "category", None),
    "spaces around": ([" x", "x ", "NA "] * 20, "category", None),
    "numbers beyond 64 bits": ([2**64 - 1, 2**63, 5] * 20, "number", None),
    "ISO dates": (["2024-01-01T10:00:00Z", "9999-12-31"] * 30, "date", None),
    "German dates": (DAYS.strftime("%d.%m.%Y"), "date", "dates as %d.%m.%Y"),
    "American dates": (
        DAYS.strftime("%m/%d/%y %I:%M %p"),
        "date",
        "dates as %m/%d/%y %I:%M %p; years from 2024 to 2024",
    ),
    "dates in words": (DAYS.strftime("%B %d, %Y"), "date", "dates as %B %d, %Y"),
    "dates as numbers": (DAYS.strftime("%Y%m%d").astype(int), "date", "dates as %Y%m%d"),
    "SAS dates": ([day.upper() for day in DAYS.strftime("%d%b%Y")], "date", "dates as %d%b%Y"),
    "days and 0 for none": ([0, *DAYS.strftime("%Y%m%d").astype(int)[1:]], "date", "dates as %Y%m%d"),
    "months": (DAYS.strftime("%b %Y"), "date", "dates as %b %Y"),
    "either days or months first": (
        ["01/02/2024", "03/04/2024", "05/06/2024"] * 20,
        "date",
        "dates as %m/%d/%Y; %d/%m/%Y fits as well: choose in data.types",
    ),
    "dates and a question mark": (
        [*DAYS.strftime("%d.%m.%Y")[1:], "?"],
        "date",
        "dates as %d.%m.%Y; 1 value, '?', counts as missing",
    ),
    "times of day": (["10:30", "23:05"] * 30, "number", "durations or times of day, in seconds"),
    "durations": (["1 days 02:03:04", "00:00:10.5"] * 30, "number", "durations or times of day, in seconds"),
    "durations in words": (["1h 5min", "90 s"] * 30, "number", "durations or times of day, in seconds"),
    "free text": (
        [f"{text} {i}" for i, text in enumerate(WORDS * 15)],
        "text",
        "free text: its most frequent words count",
    ),
    "very many categories": ([f"c{i % 50}" for i in range(ROWS)], "category", None),
    "numbers of the rows": (range(ROWS), "number", "left out, the number of the row"),
    "an id in text": ([f"{i:x}" * 3 for i in range(ROWS)], "category", "left out, a different value in every row"),
    "one value": ([7] * ROWS, "number", "left out, one value"),
    "no value": ([None] * ROWS, "number", "left out, no value"),
}
