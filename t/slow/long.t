#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The faults that 7xx have for seconds, for FOREBAY_FAULT_SECONDS (60): longer
# than a session, a transaction and a request take to end.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

local $ENV{FOREBAY_FAULT_SECONDS} = seconds(60);

for my $name (qw(720-broker-stopped 734-master-frozen 752-back-pressure)) {
	scenario "$name for " . seconds(60) . ' s' => sub {
		my ($status, $out, $err) = run([$^X, '-I' . source_dir()
		    . '/t/lib', source_dir() . "/t/$name.t"],
		    timeout => patience(8 * seconds(60) + 300));

		# What it says of itself is the note's.
		note($out);
		is($status, 0, 'all of it passes') or diag($err, $out);
	};
}

done_testing();
