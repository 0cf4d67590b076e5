#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The log of a partition is cut: a replica that is behind becomes its leader,
# and the log grows past what was read, with other records.  Whatever the log
# has in the end is delivered, by a host that was running all the while and by
# one that was stopped before and is started afterwards.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Cluster;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $cluster = Test::Forebay::Cluster->new;

# With a leader and one replica more, both of them as they are wanted; else as
# they come.
sub topic
{
	my ($leader, $follower) = @_;

	for (1 .. 100) {
		my $topic = $cluster->unique_name('cut');

		$cluster->tool_ok('topic', 'create', $topic, '1x2',
		    'unclean.leader.election.enable=true',
		    'min.insync.replicas=1');
		my ($first, $other);

		# Not every node knows of it at once.
		wait_until {
			(undef, $first, my @replicas) = split ' ',
			    $cluster->tool_ok('topic', 'leader', $topic);
			($other) = grep { $_ != $first } @replicas;
			return $first >= 0 && defined $other;
		} 'its replicas are known';
		return ($topic, $first, $other)
		    if !$leader || ($first == $leader && $other == $follower);
		$cluster->tool_ok('topic', 'delete', $topic);
	}
	die "no topic is where it is wanted\n";
}

sub host
{
	my ($topic, %opt) = @_;
	my $f = Test::Forebay->new(broker => $cluster, topic => $topic,
	    workers => 1, config => { 'auto.offset.reset' => 'earliest' },
	    %opt);

	$f->start_ready(1);
	return $f;
}

# All that was ever produced has been delivered: what was cut off before, and
# what is in its place since.
sub cut_ok
{
	my ($f, $name) = @_;

	is_soon { ($f->status->{counters}{delivered} // 0) >= 300 }
	    "$name: goes on", 60;
	$f->await_caught_up;
	is($f->status->{counters}{cuts}, 1, "$name: one cut is counted");
	is($f->metric('forebay_log_truncations_total'), 1,
	    "$name: in the metric, too");
	like($f->log_text, qr/other records from 100 on; 200 was the next/,
	    "$name: the log says from and to");
	$f->drain;
	my $v = $cluster->verify(topic => $f->{topics}[0], logs => [$f->{out}]);

	note($v->{text});
	is($v->{lost}, 0, "$name: lost 0");
	is($v->{produced}, 500, "$name: of 500");
	is($v->{$_}, 0, "$name: $_ 0") for qw(repeated corrupt foreign);
	return;
}

# Of a log that gets no records after the cut: what is committed must not stay
# beyond its end.
sub short_ok
{
	my ($f, $name) = @_;

	is_soon { ($cluster->offsets($f->{group}, $f->{topics}[0]) //
	    [{ committed => 'unknown' }])->[0]{committed} eq 100 }
	    "$name: what is committed follows", 60;
	$f->drain;
	return;
}

scenario 'a replica that is behind becomes the leader' => sub {
	my ($topic, $leader, $follower) = topic();
	my ($short) = topic($leader, $follower);
	my $copy = $cluster->topic(1, output => 1);
	my @hosts = (host($topic), host($topic));
	my @short = (host($short), host($short), host($short,
	    host => { delivery => 'exactlyOnce' }, sink => { kafka => {
		brokers => [split /,/, $cluster->bootstrap],
		topic => $copy } }));

	$cluster->produce($_, 100) for $topic, $short;
	$_->await_caught_up for @hosts, @short;
	$cluster->stop_node($follower, 'KILL');
	$cluster->produce($_, 100) for $topic, $short;
	$_->await_caught_up for @hosts, @short;
	$_->drain for $hosts[1], $short[1];
	$cluster->stop_node($leader, 'KILL');
	$cluster->start_node($follower);
	is_soon { ($cluster->leaders($topic))[0] == $follower }
	    'it leads', 60;
	$cluster->produce($topic, 300);
	cut_ok($hosts[0], 'running');
	$hosts[1]->start_ready(1);
	cut_ok($hosts[1], 'started again');
	$short[1]->start_ready(1);
	short_ok($short[0], 'running');
	short_ok($short[1], 'started again');
	short_ok($short[2], 'exactly once');
};

done_testing();
