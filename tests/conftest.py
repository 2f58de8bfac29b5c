"""What pytest must know before it reads any test: the options of an audit."""

pytest_plugins = ["postroad.audit.plugin"]
