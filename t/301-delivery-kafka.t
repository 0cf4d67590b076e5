#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Records go through, on a real broker.
use strict;
use warnings;

use Test::Forebay::Delivery;
use Test::Forebay::Scenarios;

run_on('kafka');
