"""The internet around the bare hosts: names, certificates, mailbox providers, web, packages.

What its daemons are configured with lies in lab/etc, what its hosts run of ours in lab/onhost.
"""
