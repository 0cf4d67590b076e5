#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hosts join, leave and die; range and roundrobin take everything from
# everybody each time.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Rebalance;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

scenario 'range, static members, two hosts' => sub {
	comes_and_goes(Test::Forebay::Kafka->shared, 'range, static', {
		'partition.assignment.strategy' => 'range',
		'session.timeout.ms' => 3000,
	});
};

scenario 'roundrobin, dynamic members, three hosts' => sub {
	comes_and_goes(Test::Forebay::Kafka->shared, 'roundrobin, dynamic', {
		'partition.assignment.strategy' => 'roundrobin',
		'group.instance.id' => '',
		'session.timeout.ms' => 3000,
	}, hosts => 3);
};

done_testing();
