"""Tables with the dirt of tables that people have, made up: the shapes, names and spellings of
eight public ones, and none of their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Columns = dict[str, Sequence[str]]


@dataclass(frozen=True)
class DirtyTable:
    """A file as it lies on somebody's disk.

    Attributes:
        file: its name.
        text: its bytes.
        options: what a user has to say to read it.
        numeric: columns that hold numbers, whatever else lies among them.
        missing: texts in numeric columns that say that a number is not known.
    """

    file: str
    text: bytes
    options: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("",)


def churn(random: np.random.Generator) -> DirtyTable:
    """Customers of a telephone company: a blank among the totals of those who came this month."""
    count = 7043
    tenure = np.minimum(random.exponential(32, count).astype(int), 72)
    monthly = random.uniform(18.25, 118.75, count)
    total = [" " if t == 0 else f"{m * t:.2f}" for t, m in zip(tenure, monthly, strict=True)]
    services = ("PhoneService", "MultipleLines", "OnlineSecurity", "OnlineBackup", "TechSupport")
    columns: Columns = {
        "customerID": _codes(random, count, "{:04d}-", 5),
        "gender": _picked(random, count, "Female", "Male"),
        "SeniorCitizen": _picked(random, count, "0", "1", weights=(5, 1)),
        "Partner": _picked(random, count, "Yes", "No"),
        "tenure": [str(value) for value in tenure],
        **{name: _picked(random, count, "Yes", "No", "No internet service") for name in services},
        "Contract": _picked(random, count, "Month-to-month", "One year", "Two year"),
        "PaymentMethod": _picked(random, count, "Electronic check", "Credit card (automatic)"),
        "MonthlyCharges": [f"{value:.2f}" for value in monthly],
        "TotalCharges": total,
        "Churn": _picked(random, count, "No", "Yes", weights=(3, 1)),
    }
    numeric = ("tenure", "MonthlyCharges", "TotalCharges")
    return DirtyTable("churn.csv", _csv(columns), numeric=numeric, missing=("", " "))


def houses(random: np.random.Generator) -> DirtyTable:
    """Houses that were sold: NA for what a house has not, many zeros, an order and a number."""
    count = 2930
    area = random.lognormal(7.3, 0.3, count)
    quality = np.clip(np.round(random.normal(6, 1.4, count)), 1, 10).astype(int)
    price = area * quality * 20 + random.normal(0, 9000, count)
    columns: Columns = {
        "Order": [str(index + 1) for index in range(count)],
        "PID": [f"{value:010d}" for value in random.choice(10**9, count, replace=False)],
        "MS Zoning": _picked(random, count, "RL", "RM", "FV", "C (all)", weights=(15, 4, 1, 1)),
        "Lot Frontage": _with(random, [f"{a / 20:.0f}" for a in area], "NA", 0.17),
        "Overall Qual": [str(value) for value in quality],
        "Year Built": [str(2010 - int(age)) for age in random.exponential(30, count)],
        "Gr Liv Area": [f"{value:.0f}" for value in area],
        "Garage Cars": [str(min(int(a / 700), 4)) for a in area],
        "SalePrice": [f"{max(value, 12789):.0f}" for value in price],
    }
    for name in ("Alley", "Pool QC", "Fence", "Misc Feature"):
        columns[name] = _with(random, _picked(random, count, "Gd", "TA", "Fa"), "NA", 0.9)
    for number in range(30):
        columns[f"Feature {number}"] = _picked(random, count, "Ex", "Gd", "TA", "Fa", "Po")
        columns[f"Porch {number}"] = _zeros(random, count, 0.8)
    numeric = ("Lot Frontage", "Overall Qual", "Gr Liv Area", "Garage Cars", "SalePrice", "Porch 0")
    return DirtyTable("houses.csv", _csv(columns), numeric=numeric, missing=("", "NA"))


def cafe(random: np.random.Generator) -> DirtyTable:
    """What a café sold: ERROR and UNKNOWN among the numbers and the days."""
    count = 10_000
    quantity = random.integers(1, 6, count)
    price = random.choice([1.0, 1.5, 2.0, 3.0, 4.0, 5.0], count)
    days = np.datetime64("2023-01-01") + random.integers(0, 365, count)

    def dirty(cells: Sequence[str], share: float = 0.03) -> Sequence[str]:
        return _with(random, _with(random, _with(random, cells, "ERROR", share), "", share), *_RARE)

    columns: Columns = {
        "Transaction ID": [f"TXN_{value}" for value in random.choice(10**7, count, replace=False)],
        "Item": dirty(_picked(random, count, "Coffee", "Cake", "Salad", "Juice")),
        "Quantity": dirty([str(value) for value in quantity]),
        "Price Per Unit": dirty([str(value) for value in price]),
        "Total Spent": dirty([str(q * p) for q, p in zip(quantity, price, strict=True)]),
        "Payment Method": dirty(_picked(random, count, "Cash", "Digital Wallet"), 0.2),
        "Transaction Date": dirty([str(day) for day in days]),
    }
    numeric = ("Quantity", "Price Per Unit", "Total Spent")
    types = ",".join(f"{name}=numeric" for name in numeric) + ",Transaction Date=date"
    missing = ("", "ERROR", "UNKNOWN")
    return DirtyTable("cafe.csv", _csv(columns), ("--types", types), numeric, missing)


_RARE = ("UNKNOWN", 0.03)


def horses(random: np.random.Generator) -> DirtyTable:
    """Sick horses: no names, blanks between the cells, a blank at the end of lines, ? for gaps."""
    count = 300
    columns = [
        _with(random, _picked(random, count, "1", "2", "3", "4"), "?", 0.2) for _ in range(22)
    ]
    columns[2] = [str(530000 + index * 7) for index in random.permutation(count)]
    columns[3] = _with(random, [f"{v:.1f}" for v in random.normal(38, 0.7, count)], "?", 0.2)
    columns[4] = _with(random, [f"{v:.0f}" for v in random.normal(72, 25, count)], "?", 0.1)
    lines = "".join(" ".join(row) + " \n" for row in zip(*columns, strict=True))
    numeric = ("column_4", "column_5")
    return DirtyTable("horses.data", lines.encode(), numeric=numeric, missing=("", "?"))


def bank(random: np.random.Generator) -> DirtyTable:
    """Calls of a bank: semicolons, every text in quotes, -1 for never."""
    count = 4521
    never = random.random(count) < 0.8
    columns: Columns = {
        "age": [f"{value:.0f}" for value in np.clip(random.normal(41, 11, count), 19, 87)],
        "job": _picked(random, count, "admin.", "blue-collar", "unknown", "self-employed"),
        "marital": _picked(random, count, "married", "single", "divorced"),
        "balance": [f"{value:.0f}" for value in random.lognormal(6, 1.6, count) - 300],
        "housing": _picked(random, count, "yes", "no"),
        "day": [str(value) for value in random.integers(1, 32, count)],
        "month": _picked(random, count, "may", "jul", "aug", "jun", "nov"),
        "pdays": ["-1" if n else str(v) for n, v in zip(never, _days(random, count), strict=True)],
        "y": _picked(random, count, "no", "yes", weights=(8, 1)),
    }
    quoted = {"job", "marital", "housing", "month", "y"}
    text = _csv(columns, ";", quoted=quoted, quoted_names=True, end="\r\n")
    return DirtyTable("bank.csv", text, numeric=("age", "balance", "day", "pdays"))


def air(random: np.random.Generator) -> DirtyTable:
    """Hours of air: decimal commas, -200 for what was not measured, ;; behind each line, and a
    hundred lines of nothing but semicolons at the end."""
    count = 9357
    hours = np.datetime64("2004-03-10T18") + np.arange(count).astype("timedelta64[h]")
    stamps = [hour.astype("datetime64[s]").item() for hour in hours]
    wave = 2 + np.sin(np.arange(count) / 24 * 2 * np.pi) + random.normal(0, 0.3, count)

    def comma(values: np.ndarray) -> Sequence[str]:
        return _with(random, [f"{value:.1f}".replace(".", ",") for value in values], "-200", 0.05)

    columns: Columns = {
        "Date": [f"{stamp:%d/%m/%Y}" for stamp in stamps],
        "Time": [f"{stamp:%H.%M.%S}" for stamp in stamps],
        "CO(GT)": comma(wave),
        "PT08.S1(CO)": _with(random, [f"{900 + 200 * w:.0f}" for w in wave], "-200", 0.04),
        "C6H6(GT)": comma(wave * 4),
        "T": comma(18 + 3 * wave),
        "RH": comma(50 - 5 * wave),
        "": [""] * count,
        " ": [""] * count,
    }
    body = _csv(columns, ";", end="\r\n").replace(b"; \r\n", b";\r\n", 1)
    text = body + (";" * 8 + "\r\n").encode() * 114
    numeric = ("CO(GT)", "PT08.S1(CO)", "C6H6(GT)", "T", "RH")
    return DirtyTable("air.csv", text, ("--missing", "-200"), numeric, ("", "-200"))


def players(random: np.random.Generator) -> DirtyTable:
    """Footballers: a mark at the file's start, numbers of rows without a name, money as €110.5M,
    weights as 159lbs, heights as 5'7, days as Jul 1, 2004 in quotes."""
    count = 18_207
    rating = np.clip(random.normal(66, 7, count), 46, 94)
    worth = np.exp((rating - 46) / 5) / 100
    names = ["Müller", "Ibrahimović", "Sánchez", "O'Neil", "N. Kanté"]
    columns: Columns = {
        "": [str(index) for index in range(count)],
        "ID": [str(value) for value in random.choice(250_000, count, replace=False)],
        "Name": [f"{chr(65 + i % 26)}. {names[i % 5]} {i}" for i in range(count)],
        "Age": [f"{value:.0f}" for value in np.clip(random.normal(25, 5, count), 16, 45)],
        "Photo": [f"photos/players/{index}.png" for index in range(count)],
        "Nationality": [f"Country {value}" for value in random.zipf(1.5, count) % 160],
        "Overall": [f"{value:.0f}" for value in rating],
        "Value": [f"€{w:.1f}M" if w >= 1 else f"€{w * 1000:.0f}K" for w in worth],
        "Preferred Foot": _with(random, _picked(random, count, "Left", "Right"), "", 0.01),
        "Joined": [f"Jul {day}, {2004 + day % 14}" for day in random.integers(1, 32, count)],
        "Height": [f"5'{inches}" for inches in random.integers(4, 12, count)],
        "Weight": [f"{value:.0f}lbs" for value in random.normal(165, 15, count)],
        "LS": [f"{value:.0f}+2" for value in rating],
        "Crossing": _with(random, [f"{value:.0f}" for value in rating - 10], "", 0.01),
    }
    text = b"\xef\xbb\xbf" + _csv(columns, quoted={"Joined"}, end="\n")
    return DirtyTable("players.csv", text, numeric=("Age", "Overall", "Crossing"))


def connections(random: np.random.Generator) -> DirtyTable:
    """Connections to a network: no names, 43 columns, most of them 0 in most rows."""
    count = 25_192
    columns = [
        _zeros(random, count, 0.5),
        _picked(random, count, "tcp", "udp", "icmp", weights=(8, 1, 1)),
        [f"service_{value}" for value in random.zipf(1.6, count) % 66],
        _picked(random, count, "SF", "S0", "REJ"),
        *(_zeros(random, count, share) for share in np.linspace(0.6, 0.999, 20)),
        *([f"{value:.2f}" for value in random.beta(0.2, 0.2, count)] for _ in range(16)),
        ["0"] * count,
        _picked(random, count, "normal", "neptune", "satan", weights=(5, 3, 1)),
        [str(value) for value in random.integers(0, 22, count)],
    ]
    text = _csv({f"c{index}": cells for index, cells in enumerate(columns)})
    body = text.partition(b"\n")[2]
    return DirtyTable("connections.txt", body, numeric=("column_1", "column_5", "column_30"))


#: What makes each of the tables from a random generator.
TABLES: tuple[Callable[[np.random.Generator], DirtyTable], ...] = (
    churn,
    houses,
    cafe,
    horses,
    bank,
    air,
    players,
    connections,
)


def _picked(
    random: np.random.Generator, count: int, *values: str, weights: Sequence[float] | None = None
) -> Sequence[str]:
    shares = None if weights is None else np.array(weights) / sum(weights)
    return random.choice(values, count, p=shares).tolist()


def _with(
    random: np.random.Generator, cells: Sequence[str], text: str, share: float
) -> Sequence[str]:
    """The cells, a share of them replaced by a text."""
    hit = random.random(len(cells)) < share
    return [text if replaced else cell for cell, replaced in zip(cells, hit, strict=True)]


def _zeros(random: np.random.Generator, count: int, share: float) -> Sequence[str]:
    """Whole numbers, a share of them 0."""
    values = np.round(random.lognormal(4, 1.2, count)) + 1
    return [f"{value:.0f}" for value in np.where(random.random(count) < share, 0, values)]


def _days(random: np.random.Generator, count: int) -> Sequence[str]:
    return [str(value) for value in random.integers(1, 872, count)]


def _codes(random: np.random.Generator, count: int, form: str, letters: int) -> Sequence[str]:
    """Texts that are all different: a number and letters behind it."""
    drawn = random.integers(65, 91, (count, letters)).astype(np.uint8)
    return [form.format(index) + bytes(row).decode() for index, row in enumerate(drawn)]


def _csv(
    columns: Columns,
    delimiter: str = ",",
    *,
    quoted: set[str] | frozenset[str] = frozenset(),
    quoted_names: bool = False,
    end: str = "\n",
) -> bytes:
    """A table as text: the columns named in ``quoted`` with each of their cells in quotes."""
    names = [f'"{name}"' if quoted_names else name for name in columns]
    cells = [
        [f'"{cell}"' for cell in column] if name in quoted else column
        for name, column in columns.items()
    ]
    lines = [delimiter.join(row) for row in (names, *zip(*cells, strict=True))]
    return "".join(line + end for line in lines).encode()
