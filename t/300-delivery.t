#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Records go through, on the mock cluster.
use strict;
use warnings;

use Test::Forebay::Delivery;
use Test::Forebay::Scenarios;

run_on('mock');
