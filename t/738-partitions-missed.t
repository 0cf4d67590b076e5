#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Partitions are added to a topic when the group could miss them: a static member
# that leads it and is started again keeps its generation, and is not told that
# it leads (KIP-814); a broker that stands still just then.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

sub it_is_over
{
	my ($secs) = @_;
	my $until = time + $secs;

	wait_until { time > $until } "$secs s are over", $secs + 10;
	return;
}

for my $n (1, 2) {
	scenario "partitions are added, $n host" . 's' x ($n > 1) => sub {
		my $b = Test::Forebay::Kafka->shared;
		my $topic = $b->topic(4);
		my @hosts = map { Test::Forebay->new(broker => $b,
		    topic => $topic, group => "g-$topic") } 1 .. $n;

		$_->start for @hosts;
		is_soon { $n == grep { $_->held == 4 / $n } @hosts }
		    'all are held', 60;
		# Whichever it is that leads.
		for my $f (@hosts) {
			my $generation = $f->group_generation;

			$f->kill_master;
			$f->start_ready(4 / $n);
			is($f->group_generation, $generation,
			    'started again in the same generation');
		}
		$b->produce($topic, 1000);
		$b->grow_topic($topic, 6);
		$b->produce($topic, 1000, only => $_) for 4, 5;
		$_->await_caught_up for @hosts;
		is($n == 1 ? $hosts[0]->held : $hosts[0]->held
		    + $hosts[1]->held, 6, 'all six are held');
		$_->drain for @hosts;
		$b->delivered_ok(logs => [map { $_->{out} } @hosts]);
	};
}

# librdkafka sees new partitions and joins anew; if the broker stands still just
# then, its answer is for the generation before, and it is not tried again.  It
# takes a broker under load, and not each time.
scenario 'partitions are added, and the broker stands still' => sub {
	my $b = Test::Forebay::Kafka->private(settings =>
	    { 'broker.session.timeout.ms' => 15000 });
	my $topic = $b->topic(4);
	my $n = 4;
	my @hosts = map { Test::Forebay->new(broker => $b, topic => $topic,
	    group => "g-$topic", config => { 'session.timeout.ms' => 6000 })
	    } 1 .. 2;

	$_->start for @hosts;
	for my $wait (0.2, 1.2, 2.2) {
		is_soon { $n == $hosts[0]->held + $hosts[1]->held }
		    "all $n are held", 90 or last;
		$b->grow_topic($topic, ++$n);
		it_is_over($wait);
		$b->freeze;
		it_is_over(7);	# and the session with it
		$b->thaw;
	}
	is_soon { $n == $hosts[0]->held + $hosts[1]->held }
	    "all $n are held", 90;
	$_->drain for @hosts;
};
done_testing();
