#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Records that kill their worker, on a real broker.
use strict;
use warnings;

use Test::Forebay::Poison;
use Test::Forebay::Scenarios;

run_on('kafka');
