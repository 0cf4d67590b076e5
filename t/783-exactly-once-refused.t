#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Exactly once, and a record that the broker never takes, without a place
# where it could go: its own partition is held, and no other.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::ExactlyOnce;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;
my $RATE = 2000;
my $RECORDS = 6000;

# Until all partitions but one have what is produced now; the seconds it took.
sub read_but
{
	my ($f, $topic, $without) = @_;
	my $began = time;

	$b->produce($topic, $RECORDS, rate => $RATE);
	wait_until {
		my $p = $f->partitions;

		return !grep { $_ != $without &&
		    $p->{"$topic/$_"}{acked} < $p->{"$topic/$_"}{high} } 0 .. 3;
	} 'the others are read to their ends', 120;
	return time - $began;
}

# Aborted transactions of more than the one record.
sub common_aborts
{
	my ($f) = @_;

	return scalar(() = $f->log_text =~
	    /transaction of (?!1 )\d+ records: aborted/g);
}

scenario 'a record of the year 2999' => sub {
	my $topic = $b->topic(4,
	    settings => ["message.timestamp.after.max.ms=9223372036854775807"]);
	my $copy = $b->topic(4, output => 1);
	my $f = Test::Forebay::ExactlyOnce::to_copy($b, $topic, $copy,
	    workers => 1, host => { drainTimeout => '1s' });

	$f->start_ready(4);
	my $usual = read_but($f, $topic, -1);
	my $aborts = common_aborts($f);

	$b->produce($topic, 1, only => 2, event_time => 32_503_680_000_000);
	my $now = read_but($f, $topic, 2);

	# What others wait for is a transaction that is aborted and made again;
	# the seconds depend on the machine.
	note(sprintf('%.2f s without it, %.2f s with it', $usual, $now));
	cmp_ok(common_aborts($f) - $aborts, '<=', 2,
	    'the others share two aborted transactions with it at most');
	my $p = $f->partitions->{"$topic/2"};

	is($p->{acked}, $RECORDS / 4, 'its own partition is held');
	cmp_ok($p->{high}, '>', $p->{acked} + 1, 'and has more');
	$f->drain;
	my $seen = $b->verify(from => $copy, committed => 1, topic => $topic);

	is($seen->{delivered}, 2 * $RECORDS - $RECORDS / 4,
	    'what is before it, and the others, are in the copy');
	is($seen->{repeated}, 0, 'repeated 0');
};

done_testing();
