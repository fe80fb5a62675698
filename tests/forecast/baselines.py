#!/usr/bin/env python3
"""Three plain forecasters, for the table of docs/forecast.md.

    baselines.py squares|theil-sen|holt --limit BYTES --samples FILE

They read a trace and print forecasts as `claude-watchdog replay` does, with the same debounce: a warning after three
evaluations in a row within the hour, over after ten beyond two hours; one evaluation a minute, none in the first 15.
squares    least squares over 30-s means of the last 30 min, what monitoring systems call a linear prediction
theil-sen  the median slope over all pairs of the same means
holt       double exponential smoothing of the same means (alpha 0.2, beta 0.05)
Their interval is the estimate's standard error where there is one (squares), else none. Needs numpy.
"""
import argparse
import json
import math
import sys

import numpy as np

WIDTH, KEPT, YOUNGEST, HORIZON = 30, 60, 900, 3600
NEVER = (math.inf, None, None)


def time_to(limit, level, slope):
    if level >= limit:
        return 0.0
    return (limit - level) / slope if slope > 0 else math.inf


class Means:
    """Means of 30 s, the last 30 min of them."""

    def __init__(self):
        self.times, self.means, self.key, self.sum, self.count = [], [], None, 0.0, 0

    def add(self, at, value):
        """The mean that this sample has closed."""
        key, closed = int(at // WIDTH), None
        if self.key is not None and key != self.key:
            closed = self.sum / self.count
            self.times = [*self.times, self.key * WIDTH + WIDTH / 2][-KEPT:]
            self.means = [*self.means, closed][-KEPT:]
            self.sum, self.count = 0.0, 0
        self.key, self.sum, self.count = key, self.sum + value, self.count + 1
        return closed


class Squares:
    def __init__(self, limit):
        self.limit, self.means = limit, Means()

    def add(self, at, value):
        self.means.add(at, value)

    def line(self):
        x, y = np.array(self.means.times), np.array(self.means.means)
        dx = x - x.mean()
        spread = (dx * dx).sum()
        slope = (dx * (y - y.mean())).sum() / spread
        residual = y - y.mean() - slope * dx
        return y.mean() + slope * dx[-1], slope, math.sqrt((residual**2).sum() / max(len(x) - 2, 1) / spread)

    def estimate(self):
        level, slope, error = self.line()
        return tuple(time_to(self.limit, level, s) for s in (slope, slope + 1.28 * error, slope - 1.28 * error))


class TheilSen(Squares):
    def estimate(self):
        x, y = np.array(self.means.times), np.array(self.means.means)
        one, other = np.triu_indices(len(x), 1)
        slope = np.median((y[other] - y[one]) / (x[other] - x[one]))
        return time_to(self.limit, np.median(y - slope * x) + slope * x[-1], slope), None, None


class Holt(Squares):
    ALPHA, BETA = 0.2, 0.05

    def __init__(self, limit):
        super().__init__(limit)
        self.level, self.trend = None, 0.0

    def add(self, at, value):
        mean = self.means.add(at, value)
        if mean is None:
            return
        if self.level is None:
            self.level = mean
            return
        before = self.level
        self.level = self.ALPHA * mean + (1 - self.ALPHA) * (before + self.trend)
        self.trend = self.BETA * (self.level - before) + (1 - self.BETA) * self.trend

    def estimate(self):
        return time_to(self.limit, self.level, self.trend / WIDTH), None, None


class Alarm:
    def __init__(self):
        self.stands, self.near, self.far = False, 0, 0

    def take(self, eta):
        if self.stands:
            self.far = self.far + 1 if eta > 2 * HORIZON else 0
            if self.far >= 10:
                self.stands, self.near, self.far = False, 0, 0
        else:
            self.near = self.near + 1 if eta <= HORIZON else 0
            self.stands = self.near >= 3
        return "warn" if self.stands else "watch" if eta <= 2 * HORIZON else "none"


def finite(seconds):
    return None if seconds is None or not math.isfinite(seconds) else round(float(seconds), 1)


def main():
    parser = argparse.ArgumentParser(description="Plain forecasters to compare with.")
    parser.add_argument("method", choices=["squares", "theil-sen", "holt"])
    parser.add_argument("--limit", type=int, required=True)
    parser.add_argument("--samples", required=True)
    options = parser.parse_args()
    method = {"squares": Squares, "theil-sen": TheilSen, "holt": Holt}[options.method](options.limit)
    alarm, first, due = Alarm(), None, None
    with open(options.samples) as trace:
        next(trace)
        for line in trace:
            at, value = (float(cell) for cell in line.split(","))
            first = at if first is None else first
            due = at + 60 if due is None else due
            method.add(at, value)
            if at < due:
                continue
            while due <= at:
                due += 60
            young = at - first < YOUNGEST or len(method.means.means) < 3
            eta, low, high = NEVER if young else method.estimate()
            forecast = dict(level=alarm.take(eta), eta_seconds=finite(eta), eta_low_seconds=finite(low),
                            eta_high_seconds=finite(high), reason=options.method)
            sys.stdout.write(json.dumps(dict(seconds=at, bytes=value, forecast=forecast)) + "\n")


if __name__ == "__main__":
    main()
