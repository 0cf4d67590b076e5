#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A transformer and a map in Python, on a real Kafka.
use strict;
use warnings;

use Test::Forebay::Function;
use Test::Forebay::Scenarios;
use Test::Forebay::StageFunction;

Test::Forebay::Function->need('python');
run_on('kafka', qw(stage_killed stage_gives_up stage_bytes
    stage_exactly_once map_exactly_once
    stage_crashes));
