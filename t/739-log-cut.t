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
my $topic = $cluster->unique_name('cut');

$cluster->tool_ok('topic', 'create', $topic, '1x2',
    'unclean.leader.election.enable=true', 'min.insync.replicas=1');

sub host
{
	my (%opt) = @_;
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
	my $v = $cluster->verify(topic => $topic, logs => [$f->{out}]);

	note($v->{text});
	is($v->{lost}, 0, "$name: lost 0");
	is($v->{produced}, 500, "$name: of 500");
	is($v->{$_}, 0, "$name: $_ 0") for qw(repeated corrupt foreign);
	return;
}

scenario 'a replica that is behind becomes the leader' => sub {
	my (undef, $leader, @replicas) = split ' ',
	    $cluster->tool_ok('topic', 'leader', $topic);
	my ($follower) = grep { $_ != $leader } @replicas;
	my @hosts = (host(), host());

	$cluster->produce($topic, 100);
	$_->await_caught_up for @hosts;
	$cluster->stop_node($follower, 'KILL');
	$cluster->produce($topic, 100);
	$_->await_caught_up for @hosts;
	$hosts[1]->drain;
	$cluster->stop_node($leader, 'KILL');
	$cluster->start_node($follower);
	is_soon { ($cluster->leaders($topic))[0] == $follower }
	    'it leads', 60;
	$cluster->produce($topic, 300);
	cut_ok($hosts[0], 'running');
	$hosts[1]->start_ready(1);
	cut_ok($hosts[1], 'started again');
};

done_testing();
