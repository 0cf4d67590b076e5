#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reloads under load, on a real broker.
use strict;
use warnings;

use Test::Forebay::Reload;
use Test::Forebay::Scenarios;

run_on('kafka');
