#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A batch that cannot be unpacked, on the broker's disk: its partition is held
# up, and tried more and more seldom, the others go on; and when the batch is
# whole again so does this one.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
skip_all_for('the broker is another one', machine => 1)
    if $ENV{TEST_FOREBAY_BOOTSTRAP};

# Its log is written in place: what the broker has in its cache is the file.
sub bytes
{
	my ($file, $bytes) = @_;

	open(my $fh, '+<:raw', $file) or die "$file: $!";
	# Behind the head of the batch, which is 61 bytes long.
	sysseek($fh, 61, 0);
	sysread($fh, my $old, 64);
	sysseek($fh, 61, 0);
	syswrite($fh, $bytes // "\xff" x length $old);
	return $old;
}

scenario 'a batch is damaged' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    host => { progressTimeout => '3s' });
	my $alarm = sub {
		my ($a) = grep { $_->{what} eq 'stuck' }
		    @{$f->status->{alarms}};

		return $a ? $a->{text} : '';
	};
	my $said = qr/\Q$topic\E\/2: cannot be read now/;
	my $times = sub {
		my $n = () = $f->log_text =~ /$_[0]/g;

		return $n;
	};

	$b->produce($topic, 4000, set => { 'compression.type' => 'gzip' });
	my $file = "$b->{dir}/data/$topic-2/00000000000000000000.log";
	my $whole = bytes($file);

	$f->start;
	is_soon { $times->($said) } 'the log says that it cannot be read';
	is_soon {
		my $rows = $f->partitions;

		return 3 == grep { $_->{acked} == 1000 } values %$rows;
	} 'the others are read to their ends';
	my $until = time + 8;

	wait_until { time > $until } 'a while has passed';
	is($times->($said), 1, 'it has been said once');
	# After 0.5, 1, 1.5, 2.5 and 4.5 s, and a moment for each.
	my $tries = $f->status->{counters}{grants} - 3;

	cmp_ok($tries, '<', 8, "and tried more and more seldom ($tries times)");
	is($f->partitions->{"$topic/2"}{acked}, 0, 'nothing is passed over');
	like($alarm->(), qr{^\Q$topic\E/2 stands still at offset 0 since},
	    'an alarm says so');
	ok($f->partitions->{"$topic/2"}{stuck}, 'status, too');
	is($f->status->{lag}, 1000, 'what it has is the lag');
	bytes($file, $whole);
	$f->await_caught_up;
	is_soon { $alarm->() eq '' } 'the alarm goes';
	is_soon { $times->(qr/\Q$topic\E\/2: can be read again/) }
	    'the log says that it is over';
	$f->drain;
	$f->delivered_ok(produced => 4000);
};

done_testing();
