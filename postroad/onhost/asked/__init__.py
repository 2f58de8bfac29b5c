"""What hosts are asked: a module a question, each of which prints its answer and changes nothing.

They are sent to a host with what they import (`postroad.host.programs.bundle`), and run there by
its own Python; nothing of them is installed. No command in them is without a limit in time. What
the audit asks comes as JSON in the one argument and is answered in JSON, where a part of an answer
is {"said": value, "why": ""}, or has the reason in "why".
"""
