"""Requirements and results."""

from generator import bad, shown

WANTED_P99 = 250  # ms


class Verdict:
    """The checks of one attack; each is printed when it is made."""

    def __init__(self, name, with_delays):
        self.name = name
        self.with_delays = with_delays
        self.passed = 0
        self.failures = []

    def check(self, good, text):
        if good:
            self.passed += 1
        else:
            self.failures.append(text)
        print(f"  {'ok  ' if good else 'FAIL'} {text}", flush=True)
        return good

    def note(self, text):
        print(f"       {text}", flush=True)

    def pair(self, transport, marks):
        """A normal pair: each text must be delivered once, and its sender must get the report."""
        for name in ("before", "during", "after"):
            mark = marks.get(name)
            if not mark or not mark["count"].get("sent"):
                self.check(False, f"the {transport} pair {name} the attack: nothing was sent")
                continue
            count = mark["count"]
            good = count.get("good", 0) == count["sent"] and not bad(count)
            self.check(good, f"the {transport} pair {name} the attack: {shown(mark)}")
            if self.with_delays and name == "during" and good:
                self.check(mark["p99"] < WANTED_P99, f"its p99 is below {WANTED_P99} ms: {mark['p99']} ms")
