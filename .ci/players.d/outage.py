"""Says how a player came through an outage: outage.py RESULT KILLED RESUMED

RESULT is what play.py printed with `live`. Prints the pauses of the playhead, and the latency before the outage and at the
end. Exits with 1 if the player had a fatal error or stands still at the end.
"""
import json
import statistics
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
killed, resumed = map(float, sys.argv[2:])
result = json.loads(text)


def latency(samples):
    return f"{statistics.median(samples):.1f} s" if samples else "unknown"


samples = result.get("latencies", [])
before = [value for at, value in samples if killed - 10 < at < killed]
after = [value for at, value in samples if samples[-1][0] - 10 < at]
pauses = []
for _, length, at in result["stalls"]:
    reference, name = (killed, "the kill") if at < resumed else (resumed, "resuming")
    pauses.append(f"{length:.1f} s, {at - reference:+.1f} s from {name}")
print(f"pauses: {'; '.join(pauses) or 'none'}. Latency {latency(before)} before, {latency(after)} after."
      f"{' Errors: ' + ', '.join(result['errors']) + '.' if result['errors'] else ''}")
if not result["ended"]:
    print(text.strip())
    sys.exit(1)
