#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Exactly once, on a real broker: a mock stores no offsets of transactions.
use strict;
use warnings;

use Test::Forebay::ExactlyOnce;
use Test::Forebay::Scenarios;

run_on('kafka');
