#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The topic is deleted and created anew under the same name: its offsets start
# again, and what the group has committed means nothing any more.
use strict;
use warnings;

use Test::More;

use Test::Forebay::ExactlyOnce;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

# Each topic of that name has sequences of its own, and so a journal.
sub new_life
{
	my ($b, $topic, $partitions) = @_;

	$b->tool_ok('topic', 'delete', $topic);
	$b->create_topic($topic, $partitions);
	unlink($b->{journal});
	spew($b->{journal}, '');
	return;
}

sub recreated
{
	my ($name, $records, %opt) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $load = Test::Forebay::Load->new($b, partitions => 4, %opt);
	my ($f) = $load->hosts;

	$load->settle;
	# The daemon has it open; emptied, not replaced.
	truncate($f->{out}, 0) or die "truncate: $!";
	new_life($b, $load->topic, 4);
	$load->breaks;
	$b->produce($load->topic, $records);
	$load->{rate} = 2000;
	$load->produce;
	$load->recovers($name);
	is_soon { $f->log_text =~ /topic \S+: deleted and created anew/ }
	    'the log says so';
	is_soon { $f->status->{counters}{resets} >= 4 }
	    'each partition counts as reset';
	cmp_ok($f->metric('forebay_offset_resets_total') // 0, '>=', 4,
	    'in the metric, too');
	is_soon { !@{$f->status->{alarms}} } 'and no trouble is left';
	verdict($load, $records);
}

# What was read of the new topic before its id was looked at, which is done
# every second, is read again from the beginning.  Where that was not the
# beginning, the first part comes after a later one: order is not asserted.
sub verdict
{
	my ($load, $records) = @_;
	my ($b, ($f)) = ($load->{broker}, $load->hosts);

	$load->producer->close;
	$f->await_caught_up;
	$f->drain;
	my $v = $b->verify(topic => $load->topic, logs => [$f->{out}]);

	note($v->{text});
	is($v->{$_}, 0, "$_ 0") for qw(lost corrupt foreign early);
	cmp_ok($v->{repeated}, '<=', $records + 3 * $load->{rate},
	    'repeated at most what was read before');
	return;
}

# Shorter than what was read of the old one, so that the offset is out of
# range; and longer, so that it is not, and nobody can tell by it.
scenario 'with fewer records than before' => sub {
	recreated('a topic is created anew, shorter', 100);
};

scenario 'with more records than before' => sub {
	recreated('a topic is created anew, longer', 20_000);
};

# The broker forgets what was committed when it deletes the topic.  It is what
# is committed after that, of the topic before, that must not be believed: so
# here is more to commit than has been.
sub acked_of_the_old_one
{
	my ($n) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(4);
	my @hosts = map { Test::Forebay->new(broker => $b, topic => $topic,
	    group => "g-$topic", host => { commitInterval => '10m' }) } 1 .. $n;

	$_->start for @hosts;
	is_soon { $n == grep { $_->held == 4 / $n } @hosts }
	    'all are held', 60;
	$b->produce($topic, 10_000);
	await_outcome('delivered', 10_000, @hosts);
	return ($b, $topic, @hosts);
}

sub await_outcome
{
	my ($which, $n, @hosts) = @_;

	wait_until {
		my $sum = 0;

		$sum += $_->outcomes->{$which} // 0 for @hosts;
		return $sum >= $n;
	} "$n are $which", 60;
	return;
}

sub longer_life
{
	my ($b, $topic, @hosts) = @_;

	new_life($b, $topic, 4);
	truncate($_->{out}, 0) for @hosts;
	return $b->produce($topic, 40_000);
}

sub all_of_the_new_one
{
	my ($b, $topic, $resets, @hosts) = @_;

	await_outcome('delivered', 40_000, @hosts);
	my $n = 0;

	$n += $_->status->{counters}{resets} // 0 for @hosts;
	cmp_ok($n, '>=', $resets, 'each partition counts as reset');
	$_->drain for @hosts;
	my $v = $b->verify(topic => $topic, logs => [map { $_->{out} } @hosts]);

	note($v->{text});
	return is($v->{lost}, 0, 'lost 0');
}

# The partitions are still on their way from the worker when we leave.
scenario 'and the host is stopped before it could begin anew' => sub {
	my ($b, $topic, $f) = acked_of_the_old_one(1);
	my @pids = $f->worker_pids;

	kill('STOP', @pids);
	longer_life($b, $topic, $f);
	is_soon { $f->log_text =~ /topic \S+: deleted and created anew/ }
	    'the log says so';
	$f->signal('QUIT');
	kill('CONT', @pids);
	is($f->await_exit, 0, 'drained and exited with 0');
	$f->{no_ledger} = 'nothing is committed before the end';
	$f->start;
	all_of_the_new_one($b, $topic, 0, $f);
};

# Its last commit comes too late, and the next one gets to see it.
scenario 'and the host is stopped before it has heard of it' => sub {
	my ($b, $topic, $f) = acked_of_the_old_one(1);
	my @pids = $f->worker_pids;

	# Its workers would tell it.
	$f->signal('STOP');
	kill('STOP', @pids);
	longer_life($b, $topic, $f);
	$f->signal('QUIT');
	$f->signal('CONT');
	kill('CONT', @pids);
	is($f->await_exit, 0, 'drained and exited with 0');
	# It may have looked by itself; then there is no last commit.
	$f->{no_ledger} = 'nothing is committed before the end'
	    if $f->log_text =~ /topic \S+: deleted and created anew/;
	$f->start;
	all_of_the_new_one($b, $topic, 0, $f);
};

# Then it is another host that gets to see it, and has heard of it already.
scenario 'and the partitions go to another host' => sub {
	my ($b, $topic, $f, $g) = acked_of_the_old_one(2);

	$f->signal('STOP');
	longer_life($b, $topic, $f, $g);
	is_soon { ($g->status->{counters}{resets} // 0) >= 2 }
	    'the other has begun anew';
	$f->signal('QUIT');
	$f->signal('CONT');
	is($f->await_exit, 0, 'drained and exited with 0');
	is_soon { $g->held == 4 } 'it has all';
	all_of_the_new_one($b, $topic, 2, $g);
};

scenario 'with two hosts, and records flow' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $load = Test::Forebay::Load->new($b, hosts => 2, partitions => 4,
	    rate => 5000);

	for (1 .. 2) {
		$load->producer->close;
		truncate($_->{out}, 0) for $load->hosts;
		new_life($b, $load->topic, 4);
		$load->produce;
		wait_until { $load->producer->acked > 20_000 } 'records flow';
	}
	$load->producer->close;
	$_->await_caught_up for $load->hosts;
	$_->drain for $load->hosts;
	my $v = $b->verify(topic => $load->topic,
	    logs => [map { $_->{out} } $load->hosts]);

	note($v->{text});
	is($v->{lost}, 0, 'lost 0');
};

# The workers commit; it is their transactions that say of which topic.
scenario 'exactly once' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(4);
	my ($old, $new) = map { $b->topic(4, output => 1) } 1 .. 2;
	my $f = Test::Forebay::ExactlyOnce::to_copy($b, $topic, $old,
	    host => { transaction => { maxDelay => '5s' } });

	$f->start_ready(4);
	$b->produce($topic, 10_000);
	await_outcome('read', 10_000, $f);
	my @pids = (@{[$f->worker_pids]}, $f->{pid});

	kill('STOP', @pids);
	longer_life($b, $topic, $f);
	$f->signal('QUIT');
	kill('CONT', @pids);
	is($f->await_exit, 0, 'drained and exited with 0');
	$f->edit(sub { $_[0]{sink}{kafka}{topic} = $new });
	$f->start;
	await_outcome('delivered', 40_000, $f);
	$f->drain;
	my $v = $b->verify(topic => $topic, from => $new, committed => 1);

	note($v->{text});
	is($v->{$_}, 0, "$_ 0") for qw(lost repeated reordered corrupt);
};

done_testing();
