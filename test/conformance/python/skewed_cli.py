"""Runs the AWS CLI with a clock that is ahead by a number of seconds: skewed_cli.py SECONDS ARGUMENT..."""

import datetime
import sys

from awscli.clidriver import main

import botocore.auth as auth  # the CLI's own, once it is loaded

seconds, now = int(sys.argv[1]), auth.get_current_datetime
auth.get_current_datetime = lambda *args, **kwargs: now(*args, **kwargs) + datetime.timedelta(seconds=seconds)
sys.argv[1:] = sys.argv[2:]
sys.exit(main())
