#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# More partitions than the ledger has rows for: said for as long as it is so,
# whatever the group does meanwhile.  And as many as nobody has in practice,
# with nothing set.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Mock;
use Test::Forebay::Util;

sub alarm_of
{
	my ($f) = @_;
	my ($alarm) = grep { $_->{what} eq 'ledger' }
	    @{($f->status // {})->{alarms} // []};

	return $alarm && $alarm->{text};
}

# What no worker has, and lag that nobody works at.
sub unread_ok
{
	my ($f, $n, $when) = @_;
	my @unread = grep { $_->{state} ne 'HELD' } values %{$f->partitions};
	my ($code, $body) = $f->http('/readyz');

	is(scalar @unread, $n, "$when: $n are read by nobody, and shown");
	is(alarm_of($f), "$n partitions have no row in the ledger and are "
	    . 'not read; there are 4: raise spec.maxPartitions and restart',
	    "$when: the alarm is there");
	is($code, 503, "$when: not ready");
	like($body, qr/no row in the ledger/, "$when: and why");
	return;
}

scenario 'more partitions than rows, and another member joins' => sub {
	my $why = Test::Forebay::Kafka->missing;

	return skip_for($why) if $why;
	my $b = Test::Forebay::Kafka->shared;
	my ($topic, $others) = ($b->topic(6), $b->topic(2, output => 1));
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    no_ledger => 'two partitions have no row',
	    config => { 'partition.assignment.strategy' =>
		'cooperative-sticky' }, host => { maxPartitions => 4 });

	$b->produce($topic, 600);
	$f->start;
	is_soon { $f->held == 4 && alarm_of($f) } 'four are held';
	unread_ok($f, 2, 'at first');
	my $before = $f->group_generation;
	my $dir = scratch();
	my $pid = spawn(['kcat', '-q', '-b', $b->bootstrap,
	    '-X', 'partition.assignment.strategy=cooperative-sticky',
	    '-G', $f->{group}, $others], out => "$dir/out", err => "$dir/err");

	is_soon { $f->group_generation > $before &&
	    $f->status->{group}{state} eq 'STEADY' } 'another member joins';
	my $until = time + 3;	# three looks at it

	wait_until { time > $until } 'three ticks are over';
	unread_ok($f, 2, 'after it');
	$b->produce($topic, 600);
	is_soon { ($f->metric('forebay_partition_lag') // 0) >= 400 &&
	    ($f->metric('monovtx_pending_raw') // 0) >= 400 }
	    'what is not read counts as lag';
	kill_pid($pid, 'TERM');
	$f->drain;
};

# Names as long as Kafka allows, each topic with a partition.
scenario '300 topics of 249 characters' => sub {
	my $b = Test::Forebay::Mock->new;
	my @topics = map { sprintf('%03d', $_) . 'n' x 246 } 1 .. 300;

	$b->create_topic($_, 1) for @topics;
	my $f = Test::Forebay->new(broker => $b, topic => \@topics,
	    sink => 'blackhole');

	$f->start;
	is_soon { $f->held == 300 } 'all are held';
	is(alarm_of($f), undef, 'no alarm');
	$b->produce($topics[-1], 10);
	is_soon { $f->outcomes->{delivered} == 10 } 'and read';
};

scenario '5000 partitions, with defaults' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(5000);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => 'blackhole');

	$f->start;
	is_soon { $f->held == 5000 } 'all are held', 90;
	is(alarm_of($f), undef, 'no alarm');
	$b->produce($topic, 10_000);
	is_soon { $f->outcomes->{delivered} == 10_000 } 'and read', 90;
	my $blocks = (stat "$f->{run}/ledger")[12] * 512;

	cmp_ok($blocks, '<', 5 << 20, "the ledger takes $blocks bytes");
};

done_testing();
