#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reloads under load, on the mock cluster.
use strict;
use warnings;

use Test::Forebay::Reload;
use Test::Forebay::Scenarios;

run_on('mock');
