"""What was spent in a month, by shop and by kind."""

from dataclasses import dataclass
from datetime import date

STATEMENT = """\
2024-05-02;Green Grocer;food;23.40
2024-05-03;City Bus;travel;2.80
2024-05-07;Green Grocer;food;41.15
2024-05-11;Book Barn;books;18.00
2024-05-11;Corner Cafe;food;7.60
2024-05-19;City Bus;travel;2.80
2024-05-23;Book Barn;books;32.50
2024-05-30;Green Grocer;food;36.05
"""


@dataclass
class Payment:
    day: date
    shop: str
    kind: str
    amount: float


def read_payments(text):
    payments = []
    for line in text.splitlines():
        day, shop, kind, amount = line.split(";")
        payments.append(Payment(date.fromisoformat(day), shop, kind, float(amount)))
    return payments


def total_by(payments, key):
    totals = {}
    for payment in payments:
        name = getattr(payment, key)
        totals[name] = totals.get(name, 0) + payment.amount
    return totals


def largest(payments):
    return max(payments, key=lambda payment: payment.amount)


def table(totals):
    width = max(len(name) for name in totals)
    rows = []
    for name, amount in totals:
        rows.append(f"{name:<{width}} {amount:8.2f}")
    return "\n".join(rows)


def main():
    payments = read_payments(STATEMENT)
    print(table(total_by(payments, "kind")))
    print()
    print(table(total_by(payments, "shop")))
    most = largest(payments)
    print(f"\nThe most at once: {most.amount:.2f} at {most.shop} on {most.day:%d %B}")


if __name__ == "__main__":
    main()
