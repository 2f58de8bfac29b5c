"""What pytest must know before it reads any test: the options of an audit."""

# First of all imports: pyinfra patches ssl for gevent, which has to be before anything holds on to
# it, as what comes with parsedmarc does.
import postroad.roles.run.inventory  # noqa: F401

pytest_plugins = ["postroad.audit.plugin"]
