"""The demo: see README.md."""

import subprocess

from e2e import CFG, equal, run


async def demo():
    "the command that a newcomer types"
    done = subprocess.run([CFG / "run", "demo"], capture_output=True, text=True, timeout=120)
    print(done.stdout, done.stderr)
    equal(done.returncode, 0, "the exit code")
    # The ladder's halves, with its long lines in one piece again.
    unwrapped = " ".join(done.stdout.replace("│", " ").split())
    for words in (
        'SMS-SUBMIT, to +15550002, [GSM 7-bit] "Lunch at noon?"',
        'SMS-DELIVER, from +15550002, [GSM 7-bit] "Yes. The usual place."',
        "cause 22 (Memory capacity exceeded)",
        "cause 27 (Destination out of order)",
        '[UCS2] "See you 😀"',
        "🍜 🍜",
    ):
        equal(words in unwrapped, True, words)


run(demo)
