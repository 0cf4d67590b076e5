#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hosts join, leave and die; cooperative-sticky takes only what moves.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Rebalance;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

scenario 'cooperative-sticky, static members, three hosts' => sub {
	comes_and_goes(Test::Forebay::Kafka->shared, 'cooperative, static', {
		'partition.assignment.strategy' => 'cooperative-sticky',
		'session.timeout.ms' => 3000,
	}, hosts => 3);
};

scenario 'cooperative-sticky, dynamic members, two hosts' => sub {
	comes_and_goes(Test::Forebay::Kafka->shared, 'cooperative, dynamic', {
		'partition.assignment.strategy' => 'cooperative-sticky',
		'group.instance.id' => '',
		'session.timeout.ms' => 3000,
	});
};

done_testing();
