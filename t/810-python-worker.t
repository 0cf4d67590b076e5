#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The same deliveries and the same faults with workers in Python
# (t/interop/worker.py), on a real broker: what shared/README says is enough
# to write one.  (SASL is left out: the librdkafka of Debian 12 is too old to log
# in to Kafka 4 with SCRAM.)
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Delivery;
use Test::Forebay::Faults;
use Test::Forebay::Poison;
use Test::Forebay::Reload;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
$ENV{FOREBAY_TEST_RUNTIME} = 'python';
run_on('kafka', qw(one_partition eight_partitions tls to_kafka
    worker_killed worker_hangs master_killed reload_rolling));
