#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Dead letters that their topic would refuse for the very reason for which
# the sink has refused the record.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;
my @SMALL = ('max.message.bytes=4000');

sub copier
{
	my ($topic, $copy, $dead, %host) = @_;
	my $truncate = delete $host{truncate};

	return Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { kafka => { brokers => [$b->bootstrap], topic => $copy,
		setKey => JSON::PP::true() } },
	    host => { deadLetter => { topic => $dead,
		defined $truncate ? (truncate => $truncate) : () }, %host });
}

sub printed
{
	my ($topic, $format) = @_;

	return run_ok(['kcat', '-C', '-e', '-q', '-b', $b->bootstrap, '-t',
	    $topic, '-o', 'beginning', '-f', $format],
	    timeout => patience(60));
}

sub headers_of
{
	return { map { split /=/, $_, 2 }
	    split /,(?=forebay)/, printed($_[0], '%h') };
}

sub copied
{
	my ($topic, $copy, $dead, $good, %host) = @_;
	my $f = copier($topic, $copy, $dead, %host);

	$f->start->await_caught_up;
	is($f->outcomes->{dead_lettered}, 1, 'one is dead-lettered');
	is($f->outcomes->{delivered}, $good, 'all others are delivered');
	$f->drain;
	return headers_of($dead);
}

for my $delivery (qw(atLeastOnce exactlyOnce)) {
	scenario "$delivery: a record of the year 2999" => sub {
		my $topic = $b->topic(1, settings =>
		    ['message.timestamp.after.max.ms=9223372036854775807']);
		my ($copy, $dead) = map { $b->topic(1, output => 1) } 1, 2;
		my $began = int(time * 1000);

		$b->produce($topic, 100);
		$b->produce($topic, 1, event_time => 32_503_680_000_000,
		    step => 0);
		my $h = copied($topic, $copy, $dead, 100,
		    delivery => $delivery);
		my $written = printed($dead, '%T');

		is($h->{'forebay.source.timestamp'}, 32_503_680_000_000,
		    'a header has its time');
		ok($written >= $began && $written <= time * 1000 + 1,
		    'it is written with the present one');
		is($h->{'forebay.truncated'}, undef, 'it is whole');
		is(printed($dead, '%s'), (split /\n/,
		    printed($topic, '%s\n'))[-1], 'value and all');
	};
	scenario "$delivery: a value that is too large for both" => sub {
		my $topic = $b->topic(1);
		my ($copy, $dead) = map { $b->topic(1, output => 1,
		    settings => \@SMALL) } 1, 2;

		$b->produce($topic, 1, size => 20_000);
		my $value = printed($topic, '%s');
		my $key = printed($topic, '%k');

		$b->produce($topic, 100);
		my $h = copied($topic, $copy, $dead, 100,
		    delivery => $delivery);

		is(printed($dead, '%S %k'), "-1 $key",
		    'it has its key and no value');
		is($h->{'forebay.truncated'}, 'value', 'a header says so');
		is($h->{'forebay.source.size'}, length $value, 'its size');
		is($h->{'forebay.source.sha256'}, sha256_hex($value),
		    'its checksum');
		is("$h->{'forebay.source.topic'}/"
		    . "$h->{'forebay.source.offset'}", "$topic/0",
		    'its place');
	};
}

scenario 'a key that is too large for both' => sub {
	my $topic = $b->topic(1);
	my ($copy, $dead) = map { $b->topic(1, output => 1,
	    settings => \@SMALL) } 1, 2;

	run_ok(['sh', '-c', 'echo value | kcat -P "$@"', '-', '-b',
	    $b->bootstrap, '-t', $topic, '-k', 'k' x 20_000],
	    timeout => patience(60));
	my $h = copied($topic, $copy, $dead, 0);

	is(printed($dead, '%S %K'), '-1 -1', 'neither key nor value');
	is($h->{'forebay.truncated'}, 'value, key, headers', 'it says so');
	is($h->{'forebay.source.key.size'}, 20_000, 'the size of the key');
};

scenario 'truncate: false holds the partition' => sub {
	my $topic = $b->topic(1);
	my ($copy, $dead) = map { $b->topic(1, output => 1,
	    settings => \@SMALL) } 1, 2;
	my $f = copier($topic, $copy, $dead, truncate => JSON::PP::false(),
	    drainTimeout => '1s');

	$b->produce($topic, 1, size => 20_000);
	$f->start;
	is_soon { $f->log_text =~ /deadLetter: .*large/ } 'the log says so';
	is($f->partitions->{"$topic/0"}{acked}, 0, 'it is held');
	$f->drain;
	is(printed($dead, '%o'), '', 'the topic is empty');
};

done_testing();
