#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A cooperative rebalance that takes long because another host drains: what
# stays with us is read meanwhile, and nothing of it is repeated.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my %COOPERATIVE = ('partition.assignment.strategy' => 'cooperative-sticky');

# Three hosts, the second of which cannot give back what the third waits for.
sub long_join
{
	my ($b, $topic) = @_;
	my ($ours, $slow, $third) = map { Test::Forebay->new(broker => $b,
	    topic => $topic, group => "g-$topic", workers => 1,
	    config => \%COOPERATIVE,
	    host => { drainTimeout => '50s', workerTimeout => '5m' }) } 1 .. 3;

	$_->start for $ours, $slow;
	is_soon { $ours->held == 3 && $slow->held == 3 } 'two hosts', 60;
	$b->produce($topic, 600);
	$_->await_caught_up for $ours, $slow;
	my @stopped = $slow->worker_pids;

	kill('STOP', @stopped);
	$third->start;
	is_soon { $ours->held == 2 } 'the first has given one back', 30;
	return ($ours, $slow, $third, @stopped);
}

sub committed
{
	my ($b, $f) = @_;
	my $rows = $b->offsets($f->{group}, $f->{topics}[0]);
	my @held = map { $_->{partition} } grep { $_->{state} eq 'HELD' }
	    values %{$f->partitions};

	return map { $rows->[$_]{committed} } @held;
}

# The broker answers the requests of a connection one after the other, and the
# join is one of them: a commit waits behind it.
scenario 'reading goes on while the group joins' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(6);
	my ($ours, $slow, $third, @stopped) = long_join($b, $topic);
	my $before = $ours->outcomes->{delivered};

	$b->produce($topic, 600);
	is_soon { $ours->outcomes->{delivered} >= $before + 200 }
	    'what has stayed is read';
	is($third->held, 0, 'the third has nothing yet');
	is($ours->held, 2, 'and nothing is taken from the first');
	kill('CONT', @stopped);
	is_soon { 2 == grep { $_ == 200 } committed($b, $ours) }
	    'it is committed when the group has joined', 60;
	is_soon { 6 == $ours->held + $slow->held + $third->held &&
	    $third->held == 2 } 'three hosts', 60;
	wait_until { $b->is_caught_up($ours->{group}, $topic) }
	    'all is committed', 60;
	$_->drain for $ours, $slow, $third;
	$b->delivered_ok(topic => $topic, produced => 1200,
	    repeated => 0, logs => [map { $_->{out} } $ours, $slow, $third]);
};

scenario 'and a stop waits for that' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(6);
	my ($ours, $slow, $third, @stopped) = long_join($b, $topic);
	my $before = $ours->outcomes->{delivered};

	$b->produce($topic, 600);
	wait_until { $ours->outcomes->{delivered} >= $before + 200 }
	    'they are read';
	$ours->{no_ledger} = 'nothing can be committed just now';
	$ours->signal('QUIT');
	is_soon { $ours->log_text =~ /RUNNING -> DRAINING/ } 'it drains';
	kill('CONT', @stopped);
	is($ours->await_exit, 0, 'exits with 0');
	unlike($ours->log_text, qr/will be (?:repeated|read again)/,
	    'nothing is left');
	is_soon { 6 == $slow->held + $third->held } 'two hosts', 60;
	wait_until { $b->is_caught_up($ours->{group}, $topic) }
	    'all is committed', 60;
	$_->drain for $slow, $third;
	$b->delivered_ok(topic => $topic, produced => 1200, repeated => 0,
	    logs => [map { $_->{out} } $ours, $slow, $third]);
};

done_testing();
