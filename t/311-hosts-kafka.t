#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Two hosts in one group, on a real broker.
use strict;
use warnings;

use Test::Forebay::Hosts;
use Test::Forebay::Scenarios;

run_on('kafka');
