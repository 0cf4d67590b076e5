#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Batches that are damaged on the broker's disk: what `skip` leaves out of
# them, and what comparing checksums is for.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
skip_all_for('the broker is another one', machine => 1)
    if $ENV{TEST_FOREBAY_BOOTSTRAP};

my $HEAD = 61;    # bytes of a batch before its records

sub log_of
{
	my ($b, $topic, $partition) = @_;

	return "$b->{dir}/data/$topic-$partition/00000000000000000000.log";
}

# Its batches: where in the file, how long, first and last offset.
sub batches
{
	my ($file) = @_;
	my $log = slurp($file);
	my @all;

	for (my $at = 0; $at + $HEAD <= length $log;) {
		my ($first, $length) = unpack('q> N', substr($log, $at, 12));
		my $delta = unpack('N', substr($log, $at + 23, 4));

		last if $length == 0;
		push @all, { at => $at, bytes => 12 + $length,
		    first => $first, last => $first + $delta };
		$at += 12 + $length;
	}
	return @all;
}

# Written in place: what the broker has in its cache is the file.
sub overwrite
{
	my ($file, $at, $bytes) = @_;

	open(my $fh, '+<:raw', $file) or die "$file: $!";
	sysseek($fh, $at, 0);
	sysread($fh, my $old, length $bytes);
	sysseek($fh, $at, 0);
	syswrite($fh, $bytes);
	return $old;
}

sub damage
{
	my ($file, $batch) = @_;

	return overwrite($file, $batch->{at} + $HEAD, "\xff" x 64);
}

sub part { return $_[0]->partitions->{$_[1]} // {} }

sub stands_at
{
	my ($f, $name, $offset) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my ($a) = grep { $_->{what} eq 'stuck' } @{$f->status->{alarms}};

		return $a && $a->{text} =~ /^\Q$name\E stands still at offset $offset since .*; `forebay skip \Q$name\E\@$offset` goes on without that batch$/;
	} "it stands still at $offset, and the alarm says what to do";
}

# Five batches of which the second and the third are damaged, in partition 0.
sub damaged
{
	my ($b, $topic, $codec) = @_;
	my $file = log_of($b, $topic, 0);

	$b->produce($topic, $_, only => 0,
	    set => { 'compression.type' => $codec, 'linger.ms' => 500 })
	    for 50, 77, 3, 200, 10;
	$b->produce($topic, 100, only => 1);
	my @all = batches($file);

	is(scalar @all, 5, 'there are five batches');
	damage($file, $_) for @all[1, 2];
	return @all;
}

# Without a codec librdkafka says nothing of what has no end, unless it compares
# checksums.
scenario 'skip of damaged batches, compressed' =>
    sub { passes('gzip', 'atLeastOnce') };
scenario 'skip of damaged batches, without a word, exactly once' =>
    sub { passes('none', 'exactlyOnce') };

sub passes
{
	my ($codec, $how) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my @batch = damaged($b, $topic, $codec);
	my $name = "$topic/0";
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    host => { delivery => $how, progressTimeout => '1s' },
	    sink => { kafka => { setKey => JSON::PP::true(),
		brokers => [$b->bootstrap], topic => $copy } });

	$f->start;
	stands_at($f, $name, 50);
	for my $wrong (49, 51, 126, 127) {
		my ($status, undef, $err) = $f->cli('skip', "$name\@$wrong");

		is($status, 1, "skip at $wrong is refused");
		like($err, qr/has acked all before offset 50, only that one/,
		    'with the offset that can be');
	}
	my ($status, $out, $err) = $f->cli('skip', "$name\@50");

	is($status, 0, 'skip') or diag($err);
	like($out, qr/: skipped the batch of offsets 50 to 126, which cannot be decoded; it goes on at 127$/,
	    'to the end of that batch');
	like($f->log_text, qr/notice .*\Q$name\E: the batch of offsets 50 to 126, which cannot be decoded, was skipped by hand \(uid $>, pid \d+\)/,
	    'the log names the user');
	stands_at($f, $name, 127);
	is($f->metric('forebay_skipped_total'), 77, 'counted');
	is_soon { $b->offsets($f->{group}, $topic)->[0]{committed} == 127 }
	    'committed' if $how eq 'atLeastOnce';
	($status, $out, $err) = $f->cli('skip', "$name\@127");
	is($status, 0, 'skip of the next') or diag($err);
	like($out, qr/ 127 to 129, .* goes on at 130$/, 'all of it');
	$f->await_caught_up;
	is(part($f, $name)->{dropped}, 80, 'counted as dropped');
	is(part($f, $name)->{delivered}, 260, 'all others as delivered');
	is($f->status->{counters}{skipped}, 80, 'in status, too');
	is_soon { !@{$f->status->{alarms}} } 'no alarm stays';
	$f->drain;
	my $v = $b->verify(topic => $topic, from => $copy);

	is($v->{lost}, 80, 'all others are delivered');
	is($v->{$_}, 0, "$_ 0") for qw(repeated corrupt reordered foreign);
}

# One byte of a record's value is another; all else makes sense.
sub flip
{
	my ($file) = @_;
	my ($batch) = batches($file);
	my $at = $batch->{at} + int($batch->{bytes} / 2);
	my $byte = substr(slurp($file), $at, 1);

	overwrite($file, $at, chr(ord($byte) ^ 1));
	return sub { overwrite($file, $at, $byte) };
}

scenario 'a flipped byte is delivered, or not with check.crcs' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(1);
	my $f = sub {
		my (%config) = @_;

		return Test::Forebay->new(broker => $b, topic => $topic,
		    config => \%config, host => { progressTimeout => '1s' });
	};

	$b->produce($topic, 20, size => 1000, set => { 'linger.ms' => 500 });
	my $mend = flip(log_of($b, $topic, 0));
	my $off = $f->();

	$off->start;
	$off->await_caught_up;
	$off->drain;
	my $v = $b->verify(topic => $topic, logs => [$off->{out}]);

	is($v->{corrupt}, 1, 'off: it is delivered') or diag($v->{text});

	my $on = $f->('check.crcs' => 'true');

	$on->start;
	stands_at($on, "$topic/0", 0);
	like($on->log_text, qr{\Q$topic\E/0: MessageSet at offset 0 \(\d+ bytes\) failed CRC32C check},
	    'on: the log says why');
	$mend->();
	my ($status) = $on->cli('skip', "$topic/0\@0");

	is($status, 1, 'what is whole again is not skipped');
	$on->await_caught_up;
	is($on->metric('forebay_skipped_total'), 0, 'nothing was');
	$on->drain;
	$on->delivered_ok(topic => $topic, produced => 20);
};

done_testing();
