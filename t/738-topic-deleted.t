#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One topic of two is deleted and does not come back: the other goes on as if
# nothing had been.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

# Of the second nothing is committed, and it may not be chosen where it begins.
sub two_topics
{
	my ($b) = @_;
	my ($stays, $goes) = ($b->topic(2), $b->topic(2));
	my $group = "g-$stays";
	my $f = Test::Forebay->new(broker => $b, topic => $stays,
	    group => $group, config =>
	    { 'partition.assignment.strategy' => 'cooperative-sticky' });

	$b->produce($stays, 100);
	$f->start_ready(2);
	$f->await_caught_up;
	$f->drain;
	$f = Test::Forebay->new(broker => $b, topic => [$stays, $goes],
	    group => $group, config => {
		'auto.offset.reset' => 'error',
		'partition.assignment.strategy' => 'cooperative-sticky',
	    });
	$f->start;
	return ($f, $stays, $goes);
}

sub alarms
{
	my ($f) = @_;

	return map { $_->{what} => $_->{text} } @{$f->status->{alarms}};
}

scenario 'a topic is deleted' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my ($f, $stays, $goes) = two_topics($b);
	my %alarms;

	is_soon { %alarms = alarms($f); $alarms{offsets} }
	    'it is not known where to begin with it', 60;
	like($alarms{offsets}, qr/\Q$goes\E/, 'and the alarm says so');
	# It has been looked at, and is known to have two partitions.
	wait_until { $f->status->{uptime_ms} > 8000 } 'it is known', 60;
	$b->tool_ok('topic', 'delete', $goes);
	is_soon { %alarms = alarms($f); $alarms{topic} && $f->held == 2 }
	    'it is gone', 60;
	is_soon { !{alarms($f)}->{offsets} }
	    'it need not begin anywhere any more';
	my $generation = $f->group_generation;
	my $until = $f->status->{uptime_ms} + 22_000;

	wait_until { $f->status->{uptime_ms} > $until } 'a while has passed',
	    60;
	%alarms = alarms($f);
	is($alarms{unassigned}, undef,
	    'what is not there need not be given to anybody');
	is($f->group_generation, $generation, 'and nobody joins anew for it');
	$f->{no_ledger} = 'one topic is gone';
	$f->drain;
};

done_testing();
