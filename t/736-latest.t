#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# auto.offset.reset: latest means from when the group was first seen.  What is
# written to a partition that comes later is read from its first record.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

# The group has begun with two partitions, and is not there when there are
# four.
sub grown
{
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'auto.offset.reset' => 'latest' });

	$f->start_ready(2);
	$f->drain;
	like($b->offsets($f->{group}, $topic)->[0]{metadata}, qr/n=2/,
	    'the commit says how many partitions there were');
	$b->grow_topic($topic, 4);
	$b->produce($topic, 400);
	$f->start_ready(4);
	$f->await_caught_up;
	$f->drain;
	my $v = $b->verify(topic => $topic, logs => [$f->{out}]);

	note($v->{text});
	is($v->{lost}, 0, 'lost 0');
	is($v->{delivered}, 400, 'all are delivered');
	return;
}

scenario 'a partition that is added is read from its first record' => sub {
	grown();
};

scenario 'what was there before the group is not read' => sub {
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'auto.offset.reset' => 'latest' });

	$b->produce($topic, 400);
	$f->start_ready(4);
	$f->await_caught_up;
	$f->drain;
	is(-s $f->{out} // 0, 0, 'nothing is delivered');
};

done_testing();
