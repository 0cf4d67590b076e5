#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hosts join, leave and die; the broker assigns (group.protocol: consumer).
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Rebalance;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

# The session is the broker's to say.
my $broker = Test::Forebay::Kafka->private(settings => {
	'group.consumer.min.session.timeout.ms' => 1000,
	'group.consumer.session.timeout.ms' => 3000,
	'group.consumer.min.heartbeat.interval.ms' => 200,
	'group.consumer.heartbeat.interval.ms' => 500,
});

scenario 'group.protocol consumer, static members, two hosts' => sub {
	comes_and_goes($broker, 'consumer protocol, static', {
		'group.protocol' => 'consumer',
	});
};

scenario 'group.protocol consumer, dynamic members, three hosts' => sub {
	comes_and_goes($broker, 'consumer protocol, dynamic', {
		'group.protocol' => 'consumer',
		'group.instance.id' => '',
	}, hosts => 3);
};

done_testing();
