"""What the command lines of perf/ and tools/ have in common: arguments that are checked before anything is started, errors in one
line, and an end that leaves nothing behind, also where someone interrupts."""
import argparse
import contextlib
import difflib
import math
import os
import signal
import sys


def nearest(word, names):
    """' (did you mean "NAME"?)', or nothing where no name is like the word."""
    names = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), names, 1)
    return f' (did you mean "{names[close[0]]}"?)' if close else ""


class Parser(argparse.ArgumentParser):
    """With hints for names that are nearly right. A wrong argument ends the program with status 2."""

    def __init__(self, text, **more):
        super().__init__(description=text, formatter_class=argparse.RawDescriptionHelpFormatter, **more)

    def parse_args(self, args=None, namespace=None):
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = nearest(unknown[0].split("=")[0], self._option_string_actions) if unknown[0].startswith("-") else ""
            self.error(f"there is no argument {unknown[0]}{hint}")
        return options

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, f"'{value}' is none of {', '.join(names)}{nearest(str(value), names)}")


# ---- types of arguments ----

def number_of(text, kind, least, above=False):
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least or above and value == least:
        wanted = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"'{text}' is not {wanted} {'above' if above else 'from'} {least}{'' if above else ' on'}")
    return value


def count(text):
    return number_of(text, int, 1)


def whole(text):
    return number_of(text, int, 0)


def seconds(text):
    return number_of(text, float, 0, above=True)


def seconds_or_none(text):
    return number_of(text, float, 0)


def fraction(text):
    return number_of(text, float, 0)


def core(text):
    there = sorted(os.sched_getaffinity(0))
    if not text.isdigit() or int(text) not in there:
        raise argparse.ArgumentTypeError(f"'{text}' is none of the cores {', '.join(map(str, there))}")
    return int(text)


def new_file(text):
    """A file that can be written: better told before it is measured than after."""
    directory = os.path.dirname(text) or "."
    if os.path.isdir(text) or not os.path.isdir(directory) or not os.access(text if os.path.exists(text) else directory, os.W_OK):
        raise argparse.ArgumentTypeError(f"'{text}' cannot be written")
    return text


def new_directory(text):
    try:
        os.makedirs(text, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"'{text}': {error.strerror}") from error
    if not os.access(text, os.W_OK):
        raise argparse.ArgumentTypeError(f"'{text}' cannot be written")
    return text


def name_and_value(text):
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return text


# ---- interrupts ----

class Interrupted(BaseException):
    """A signal asks the program to end; whatever was started is stopped on the way out."""


class Interrupts:
    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.came, self.holding = None, 0

    def watch(self):
        for number in self.SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:   # as under nohup
                signal.signal(number, self.on_signal)

    def on_signal(self, number, _):
        if self.came is None:   # later ones must not cut short what the first has begun
            self.came = number
            if not self.holding:
                raise Interrupted

    @contextlib.contextmanager
    def held(self):
        """For what must not be left half done, as starting a process whose number nobody would know."""
        self.holding += 1
        try:
            yield
        finally:
            self.holding -= 1
        if self.came is not None and not self.holding:
            raise Interrupted


INTERRUPTS = Interrupts()


def run(name, main):
    """Ends the process with main's status, or, interrupted, as the signal would have ended it."""
    INTERRUPTS.watch()
    try:
        status = main()
        sys.stdout.flush()
    except Interrupted:
        print(f"{name}: interrupted", file=sys.stderr, flush=True)
        signal.signal(INTERRUPTS.came, signal.SIG_DFL)
        os.kill(os.getpid(), INTERRUPTS.came)
    except BrokenPipeError:   # as under `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
