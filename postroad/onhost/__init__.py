"""What runs on hosts: a folder a program, what they share, and what hosts are asked.

    canary, refresh, world_sees, resolver_proof, milter, alarm, budget
                installed (`postroad.host.programs`), run as /usr/bin/python3 -IB
                /usr/local/lib/postroad PROGRAM ARGUMENT ...
    asked       questions: sent to a host, and not installed
    common      what these share

Each program has `main.py` with ``main(arguments) -> exit status``. Programs never import each
other, and nothing here imports anything of postroad but this room: on a host the rest is not there.
What else they need is Debian's, and the host's own Python, which is 3.9 on the oldest release.
"""
