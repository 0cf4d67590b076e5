#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Records from the future: they do not make all others late, neither at once
# nor by the watermarks that are handed on.
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $HOUR = 3_600_000;
my $FIFTY_YEARS = 50 * 365 * 24 * $HOUR;

sub now { return int(time * 1000) }

sub alarm_of
{
	my ($f) = @_;

	return join(' ', map { $_->{text} }
	    grep { $_->{what} eq 'event time' } @{$f->status->{alarms}});
}

# The watermark that is committed with partition 0.
sub committed
{
	my ($b, $f) = @_;
	my $rows = $b->offsets($f->{group}, $f->{topics}[0]) // return -1;

	return $rows->[0]{metadata} =~ /w=(\d+)/ ? $1 : -1;
}

sub bounded
{
	my ($ms, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($ms, '>', now() - $HOUR, "$what is there");
	return cmp_ok($ms, '<=', now() + $HOUR, "$what is within an hour");
}

for my $runtime ('c', 'python') {
	scenario "$runtime: a record of the year 5138" => sub {
		my $why = $runtime eq 'c' ? undef : Test::Forebay::no_python();

		return skip_for($why) if $why;
		my $b = Test::Forebay::Mock->new;
		my $topic = $b->topic(1);
		my $f = Test::Forebay->new(broker => $b, topic => $topic,
		    runtime => $runtime);

		$b->produce($topic, 100);
		$f->start->await_caught_up;
		is(alarm_of($f), '', 'no alarm');
		$b->produce($topic, 1, event_time => 99_999_999_999_000);
		$f->await_caught_up;
		is_soon { alarm_of($f) =~ m{maxFuture \(1h\).*\Q$topic\E/0} }
		    'an alarm says so';
		is(($f->http('/readyz'))[0], 204, 'it is ready all the same');
		is($f->metric('forebay_partition_future_total'), 1,
		    'it is counted');
		is($f->status->{counters}{future}, 1, 'and shown');
		bounded($f->partitions->{"$topic/0"}{watermark},
		    'the watermark');
		is_soon { committed($b, $f) > now() } 'it is committed';
		bounded(committed($b, $f), 'what is committed');

		# An hour ahead is still too far.
		my ($status, $out) = $f->cli('watermark', 'reset');

		is($status, 0, 'watermark reset');
		like($out, qr/1 partition begin/, 'it says of how many');
		is_soon { committed($b, $f) == -1 } 'the commit follows';
		my $late = $f->status->{counters}{late};

		$b->produce($topic, 100);
		$f->await_caught_up;
		is($f->status->{counters}{late}, $late,
		    'later records are not late');
		is_soon {
			my $ms = $f->partitions->{"$topic/0"}{watermark};

			defined $ms && $ms <= now();
		} 'the watermark is theirs';
		($status, undef, my $err) = $f->cli('watermark', 'x');
		is($status, 1, 'another word is refused');
		like($err, qr/watermark reset/, 'with the right one');
		$f->drain;
	};
}

# Not what is believed of it but what it has goes on to the sink.
for my $runtime ('c', 'python') {
	scenario "$runtime: a copy of next year" => sub {
		my $why = $runtime eq 'c' ? undef : Test::Forebay::no_python();

		return skip_for($why) if $why;
		my $b = Test::Forebay::Mock->new;
		my ($topic, $copy) = ($b->topic(1), $b->topic(1));
		my $f = Test::Forebay->new(broker => $b, topic => $topic,
		    runtime => $runtime, sink => { kafka => {
			brokers => [$b->bootstrap], topic => $copy,
			setKey => JSON::PP::true() } });

		$b->produce($topic, 100, event_time => now() + 365 * 24 * $HOUR,
		    step => 1000);
		$f->start->await_caught_up;
		is($f->metric('forebay_partition_future_total'), 100,
		    'none is believed');
		$f->drain;
		$f->delivered_ok(from => $copy, topic => $topic,
		    produced => 100, name => 'each has its own time');
	};
}

# What was believed before is not any more: by a commit, and by the ledger.
for my $way ('commit', 'ledger') {
	scenario "a watermark of another time in the $way" => sub {
		my $b = Test::Forebay::Mock->new;
		my $topic = $b->topic(1);
		my $f = Test::Forebay->new(broker => $b, topic => $topic,
		    host => { watermark => { maxFuture => '876600h' },
			commitInterval => $way eq 'commit' ? '100ms' : '10m' });

		$f->start_ready(1);
		$b->produce($topic, 10, event_time => now() + $FIFTY_YEARS);
		is_soon {
			($f->partitions->{"$topic/0"}{acked} // 0) == 10
		} 'all is delivered';
		cmp_ok($f->partitions->{"$topic/0"}{watermark}, '>',
		    now() + $HOUR, 'it is believed');
		if ($way eq 'commit') {
			$f->drain;
			cmp_ok(committed($b, $f), '>', now() + $HOUR,
			    'and committed');
		} else {
			$f->kill_master;
		}
		$f->edit(sub { delete $_[1]{watermark} });
		$f->start_ready(1);
		bounded($f->partitions->{"$topic/0"}{watermark},
		    'the watermark');
		is_soon { alarm_of($f) =~ qr{maxFuture} } 'an alarm says so';
		is($f->metric('forebay_partition_future_total'), 1,
		    'it is counted');
		my $p = $f->partitions->{"$topic/0"};

		$b->produce($topic, 10);
		$f->edit(sub { $_[1]{commitInterval} = '100ms' });
		$f->reload_ok;
		$f->await_caught_up;
		is_soon { committed($b, $f) <= now() + $HOUR }
		    'what is committed is healed';
		$f->drain;
	};
}

done_testing();
