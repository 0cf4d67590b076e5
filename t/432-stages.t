#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A transformer and a map in Python, on the mock cluster.
use strict;
use warnings;

use Test::Forebay::Function;
use Test::Forebay::Scenarios;
use Test::Forebay::StageFunction;

Test::Forebay::Function->need('python');
run_on('mock', qw(stage_transformer stage_map stage_drops stage_bypass
    stage_event_time stage_later stage_held));
