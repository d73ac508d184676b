#!/usr/bin/env python3
"""Cross-checks the simulated venues with an independent client, ccxt.

Usage: ccxt_check.py <path of rutter-tools>

Needs `pip install ccxt==4.5.90`. Starts `rutter-tools sim` on free ports in a temporary folder and
ends it. Prints one line a check and, last,
`N passed, N failed`; the exit status is 0 when none failed.
"""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import ccxt
import ccxt.pro as pro

PATIENCE_S = 20
VENUES = ("binance", "kraken", "coinbase")


class Checks:
    """Counts and prints."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    async def run(self, name, work):
        """Runs one check; whatever it raises is a failure."""
        try:
            detail = await asyncio.wait_for(work, PATIENCE_S)
            self.passed += 1
            print(f"ok    {name}" + (f": {detail}" if detail else ""), flush=True)
        except Exception as error:  # noqa: BLE001 - a check reports, it does not stop the others
            self.failed += 1
            text = f"{type(error).__name__}: {error}"[:300]
            print(f"FAIL  {name}: {text}", flush=True)


def need(condition, text):
    if not condition:
        raise AssertionError(text)


def binance(port, secret=None):
    exchange = pro.binance({
        "apiKey": os.environ.get("BINANCE_KEY", "K"),
        "secret": secret or os.environ.get("BINANCE_SECRET", "S"),
        "enableRateLimit": False,
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
        },
    })
    rest = f"http://127.0.0.1:{port}/api/v3"
    exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = rest
    exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/ws"
    exchange.urls["api"]["ws"]["ws-api"]["spot"] = f"ws://127.0.0.1:{port}/ws-api/v3"
    return exchange


def kraken(port, secret=None):
    exchange = pro.kraken({
        "apiKey": os.environ.get("KRAKEN_KEY", "K"),
        "secret": secret or os.environ.get("KRAKEN_SECRET", "c2VjcmV0"),
        "enableRateLimit": False,
    })
    exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = f"http://127.0.0.1:{port}"
    exchange.urls["api"]["ws"].update(
        publicV2=f"ws://127.0.0.1:{port}/v2", privateV2=f"ws://127.0.0.1:{port}/v2"
    )
    return exchange


def coinbase(port, secret=None):
    # The secret file has the secret and, on its second line, the passphrase.
    both = os.environ.get("COINBASE_SECRET", "c2VjcmV0\npassphrase").split()
    exchange = pro.coinbaseexchange({
        "apiKey": os.environ.get("COINBASE_KEY", "K"),
        "secret": secret or both[0],
        "password": both[1],
        "enableRateLimit": False,
    })
    base = f"127.0.0.1:{port}"
    exchange.urls["api"].update(
        public=f"http://{base}", private=f"http://{base}", ws=f"ws://{base}"
    )
    return exchange


async def markets(ex, symbol):
    await ex.load_markets()
    market = ex.market(symbol)
    need(market["precision"]["price"] > 0, "no price step")
    need(market["precision"]["amount"] > 0, "no amount step")
    return f"{len(ex.symbols)} markets, {symbol} tick {market['precision']['price']}"


async def balances(ex):
    balance = await ex.fetch_balance()
    total = {name: amount for name, amount in balance["total"].items() if amount}
    need(total, "no funds")
    for name, amount in total.items():
        need(abs(balance[name]["free"] + balance[name]["used"] - amount) < 1e-6, f"{name} sums up")
    return ", ".join(f"{name} {amount:g}" for name, amount in sorted(total.items()))


async def middle(ex, symbol):
    book = await ex.fetch_order_book(symbol, 20)
    need(book["bids"] and book["asks"], "an empty book")
    need(book["bids"][0][0] < book["asks"][0][0], "a crossed book")
    return (book["bids"][0][0] + book["asks"][0][0]) / 2


async def watched_book(ex, symbol):
    """The streamed book stays ordered and uncrossed, and its top is the REST book's."""
    updates = 0
    for _ in range(30):
        book = await ex.watch_order_book(symbol)
        bids, asks = book["bids"], book["asks"]
        need(bids and asks and bids[0][0] < asks[0][0], "crossed or empty")
        need(all(a[0] > b[0] for a, b in zip(bids, bids[1:])), "bids out of order")
        need(all(a[0] < b[0] for a, b in zip(asks, asks[1:])), "asks out of order")
        updates += 1
    # The flow goes on between the two looks; they must agree at some moment.
    for _ in range(40):
        rest = await ex.fetch_order_book(symbol, 10)
        for _ in range(4):
            mine = [[level[0], level[1]] for level in ex.orderbooks[symbol]["bids"][:10]]
            if mine == [[level[0], level[1]] for level in rest["bids"][:10]]:
                return f"{updates} updates, ten bids agree with REST"
            await ex.watch_order_book(symbol)
    raise AssertionError("the streamed book never agreed with the REST book")


async def watched_trades(ex, symbol):
    trades = await ex.watch_trades(symbol)
    need(trades and trades[0]["price"] > 0 and trades[0]["amount"] > 0, "no trade")
    return f"{len(trades)} trades"


async def is_canceled(ex, order, symbol):
    """Cancelled without a fill; Coinbase forgets such an order."""
    try:
        gone = await ex.fetch_order(order, symbol)
    except ccxt.OrderNotFound:
        need(ex.id == "coinbaseexchange", "forgotten")
        return
    need(gone["status"] == "canceled", f"status {gone['status']}")


async def resting_order(ex, symbol, amount):
    """Placed, seen in three ways, amended, cancelled; funds held meanwhile and given back."""
    market = ex.market(symbol)
    price = float(ex.price_to_precision(symbol, await middle(ex, symbol) * 0.8))
    before = await ex.fetch_balance()
    order = await ex.create_order(symbol, "limit", "buy", amount, price)
    open_orders = await ex.fetch_open_orders(symbol)
    need(order["id"] in [one["id"] for one in open_orders], "not among the open orders")
    held = await ex.fetch_balance()
    quote = market["quote"]
    need(held[quote]["used"] > before[quote]["used"], "no funds held")
    seen = await ex.fetch_order(order["id"], symbol)
    need(seen["status"] == "open" and seen["filled"] == 0, f"status {seen['status']}")
    need(abs(seen["price"] - price) < 1e-9 and abs(seen["amount"] - amount) < 1e-9, "other terms")
    await ex.cancel_order(order["id"], symbol)
    await is_canceled(ex, order["id"], symbol)
    after = await ex.fetch_balance()
    need(abs(after[quote]["used"] - before[quote]["used"]) < 1e-6, "funds still held")
    return f"{amount} @ {price}"


async def partial_fill(ex, symbol, amount):
    """A marketable order fills at no worse than its limit; its trades add up to it."""
    price = float(ex.price_to_precision(symbol, await middle(ex, symbol) * 1.05))
    order = await ex.create_order(symbol, "limit", "buy", amount, price, {"timeInForce": "IOC"})
    done = await ex.fetch_order(order["id"], symbol)
    need(done["filled"] > 0, "nothing filled")
    need(done["average"] <= price, "worse than the limit")
    trades = [one for one in await ex.fetch_my_trades(symbol) if one["order"] == order["id"]]
    need(abs(sum(one["amount"] for one in trades) - done["filled"]) < 1e-9, "trades do not add up")
    cost = sum(one["cost"] for one in trades)
    need(abs(cost - done["average"] * done["filled"]) < 0.01 * amount + 0.01, "cost does not add up")
    need(all(one["fee"]["cost"] > 0 for one in trades), "a trade without fee")
    return f"{done['filled']} @ {done['average']} in {len(trades)} trades"


async def streamed_order(ex, symbol, amount, place, cancel):
    """An order is streamed back until it is cancelled."""
    price = float(ex.price_to_precision(symbol, await middle(ex, symbol) * 0.8))
    watching = asyncio.ensure_future(ex.watch_orders(symbol))
    await asyncio.sleep(0.5)
    order = await place(symbol, "limit", "buy", amount, price)
    seen = await asyncio.wait_for(watching, PATIENCE_S)
    need(order["id"] in [one["id"] for one in seen], "not streamed")
    await cancel(order["id"])
    await is_canceled(ex, order["id"], symbol)
    return order["id"]


async def raises(kind, work):
    try:
        await work
    except kind as error:
        return f"{type(error).__name__}"
    raise AssertionError("was accepted")


async def post_only_cross(ex, symbol, amount):
    """Refused, or accepted and cancelled at once, but never filled."""
    price = float(ex.price_to_precision(symbol, await middle(ex, symbol) * 1.05))
    try:
        order = await ex.create_order(symbol, "limit", "buy", amount, price, {"postOnly": True})
    except ccxt.InvalidOrder as error:
        return f"refused, {type(error).__name__}"
    except ccxt.ExchangeError as error:
        # ccxt does not know Coinbase's word for it, so its text is looked at.
        need("post only" in str(error), str(error))
        return "refused, post only"
    done = await ex.fetch_order(order["id"], symbol)
    need(done["status"] == "canceled" and done["filled"] == 0, f"{done['status']}")
    return "accepted and cancelled"


async def bad_signature(make, port, secret):
    ex = make(port, secret)
    try:
        # ccxt does not know Kraken's word for it, so its text is looked at.
        await ex.fetch_balance()
    except ccxt.AuthenticationError as error:
        return type(error).__name__
    except ccxt.ExchangeError as error:
        need("Invalid signature" in str(error), str(error))
        return "EAPI:Invalid signature"
    finally:
        await ex.close()
    raise AssertionError("was accepted")


async def venue(checks, name, ex, symbol, amount, unknown, cancel):
    run = checks.run
    await run(f"{name} load_markets", markets(ex, symbol))
    if not ex.markets:
        return
    await run(f"{name} fetch_balance", balances(ex))
    await run(f"{name} watch_order_book", watched_book(ex, symbol))
    await run(f"{name} watch_trades", watched_trades(ex, symbol))
    await run(f"{name} resting order", resting_order(ex, symbol, amount))
    await run(f"{name} fill and its trades", partial_fill(ex, symbol, amount))
    # Coinbase takes no orders over WebSocket, but streams them.
    place = ex.create_order_ws if ex.has["createOrderWs"] else ex.create_order
    await run(f"{name} streamed order", streamed_order(ex, symbol, amount, place, cancel))
    await run(f"{name} post-only cross", post_only_cross(ex, symbol, amount))
    price = float(ex.price_to_precision(symbol, await middle(ex, symbol)))
    too_much = ex.create_order(symbol, "limit", "buy", 9000, price)
    await run(f"{name} insufficient funds", raises(ccxt.InsufficientFunds, too_much))
    lost = ex.cancel_order(unknown, symbol)
    await run(f"{name} unknown order", raises(ccxt.OrderNotFound, lost))


async def main(binance_port, kraken_port, coinbase_port):
    checks = Checks()
    if binance_port:
        ex = binance(binance_port)

        async def cancel_binance(order):
            return await ex.cancel_order_ws(order, "BTC/USDT")

        try:
            await venue(checks, "binance", ex, "BTC/USDT", 0.01, "999999999", cancel_binance)
        finally:
            await ex.close()
        wrong = bad_signature(binance, binance_port, "wrong")
        await checks.run("binance bad signature", wrong)
    if kraken_port:
        ex = kraken(kraken_port)

        async def cancel_kraken(order):
            return await ex.cancel_order_ws(order)

        try:
            unknown = "OAAAAA-AAAAA-AAAAAA"
            await venue(checks, "kraken", ex, "BTC/USDT", 0.01, unknown, cancel_kraken)
        finally:
            await ex.close()
        await checks.run("kraken bad signature", bad_signature(kraken, kraken_port, "d3Jvbmc="))
    if coinbase_port:
        ex = coinbase(coinbase_port)

        async def cancel_coinbase(order):
            return await ex.cancel_order(order, "BTC/USDT")

        try:
            unknown = "d50ec984-77a8-460a-b958-66f114b0de9b"
            await venue(checks, "coinbase", ex, "BTC/USDT", 0.01, unknown, cancel_coinbase)
        finally:
            await ex.close()
        wrong = bad_signature(coinbase, coinbase_port, "d3Jvbmc=")
        await checks.run("coinbase bad signature", wrong)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 0 if checks.failed == 0 and checks.passed > 0 else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
            [sys.argv[1], "sim", "--dir", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as simulators:
            ready = json.loads(simulators.stdout.readline())
            keys = json.loads(pathlib.Path(ready["keys"]).read_text())
            for name in VENUES:
                secret = pathlib.Path(folder, keys[name]["secret_file"]).read_text().strip()
                os.environ[f"{name.upper()}_KEY"] = keys[name]["api_key"]
                os.environ[f"{name.upper()}_SECRET"] = secret
            ports = [int(ready[name]["web"].rsplit(":", 1)[1]) for name in VENUES]
            status = asyncio.run(main(*ports))
            simulators.terminate()
    sys.exit(status)
