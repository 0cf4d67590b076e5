#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Retention overtakes the reader: the offsets that it would read next are
# deleted.  Each of auto.offset.reset does as it says, none of them silently.
use strict;
use warnings;

use POSIX ();
use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

sub set_reset
{
	my ($f, $reset) = @_;

	return $f->edit(sub {
		my ($spec) = @_;

		$spec->{source}{kafka}{config} =
		    "auto.offset.reset: $reset\n";
	});
}

# A host that has committed 250 in each of its partitions, is stopped, and
# comes back when 251 to 749 are gone and 1000 are there.
sub overtaken
{
	my ($reset) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'auto.offset.reset' => 'earliest' });

	$b->produce($topic, 1000);
	$f->start_ready(4);
	$f->await_caught_up;
	$f->drain;
	$f->delivered_ok(produced => 1000);
	$b->produce($topic, 3000);
	$b->tool_ok('topic', 'trim', $topic, 750);
	set_reset($f, $reset);
	return ($b, $topic, $f);
}

sub reset_ok
{
	my ($f, $start) = @_;

	is_soon { $f->status->{counters}{resets} == 4 }
	    'each partition is counted';
	is($f->metric('forebay_offset_resets_total'), 4, 'in the metric, too');
	my @lines = $f->log_text =~
	    /the committed offset 250 is outside .* starting at (\d+)/g;

	is_deeply(\@lines, [($start) x 4], 'the log says from and to');
}

sub lost_exactly
{
	my ($f, $n) = @_;
	my $v = $f->{broker}->verify(logs => [$f->{out}],
	    topic => $f->{topics}[0]);

	note($v->{text});
	is($v->{lost}, $n, "lost $n: what was deleted, or passed over");
	is($v->{$_}, 0, "$_ 0") for qw(repeated reordered corrupt foreign);
}

scenario 'auto.offset.reset: earliest' => sub {
	my ($b, $topic, $f) = overtaken('earliest');

	$f->start;
	$f->await_caught_up;
	reset_ok($f, 750);
	$f->drain;
	lost_exactly($f, 4 * 500);
};

scenario 'auto.offset.reset: latest' => sub {
	my ($b, $topic, $f) = overtaken('latest');

	$f->start;
	$f->await_caught_up;
	reset_ok($f, 1000);
	$b->produce($topic, 400);
	$f->await_caught_up;
	$f->drain;
	lost_exactly($f, 4 * 750);
};

scenario 'auto.offset.reset: error' => sub {
	my ($b, $topic, $f) = overtaken('error');

	$f->start;
	is_soon { grep { $_->{what} eq 'offsets' } @{$f->status->{alarms}} }
	    'the status says what is wrong';
	is(($f->http('/readyz'))[0], 503, 'not ready');
	is(($f->http('/livez'))[0], 204, 'but alive');
	is($f->held, 0, 'nothing is read');
	like($f->log_text, qr/no longer has the committed offset/,
	    'the log says why');
	# The way out is a decision in the manifest.
	set_reset($f, 'earliest');
	$f->stop;
	$f->start;
	$f->await_caught_up;
	reset_ok($f, 750);
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready';
	$f->drain;
	lost_exactly($f, 4 * 500);
};

# The reader is there and too slow: its sink takes nothing.
scenario 'while the partition is held' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    workers => 1, host => { memory => { maxRecords => 100 } },
	    config => { 'queued.max.messages.kbytes' => 1,
		'fetch.message.max.bytes' => 1000,
		'auto.offset.reset' => 'earliest' });
	my $log = $f->{out};

	# A pipe that nobody reads, in place of the file; both ends are ours.
	POSIX::mkfifo("$f->{dir}/fifo", 0600) or die "mkfifo: $!";
	open(my $reader, '+<', "$f->{dir}/fifo") or die "fifo: $!";
	$f->{out} = "$f->{dir}/fifo";
	$f->start_ready(1);
	$b->produce($topic, 20_000, size => 200);
	is_soon { $f->status->{counters}{read} > 50 } 'it reads, and stops';
	$b->tool_ok('topic', 'trim', $topic, 19_000);
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		open(my $out, '>', $log) or POSIX::_exit(1);
		$out->autoflush(1);
		while (sysread($reader, my $buf, 65536)) {
			syswrite($out, $buf);
		}
		POSIX::_exit(0);
	}
	eval { $f->await_caught_up; 1 } or diag($@);
	is($f->status->{counters}{resets}, 1, 'one reset');
	like($f->log_text, qr/starting at 19000/, 'the log says where to');
	$f->drain;
	my $size = -1;

	wait_until {
		my $was = $size;

		$size = -s $log // 0;
		return $size == $was;
	} 'the copy is complete';
	kill_pid($pid);
	my $v = $b->verify(logs => [$log], topic => $topic);

	note($v->{text});
	cmp_ok($v->{lost}, '>', 0, 'what was deleted is lost');
	cmp_ok($v->{lost}, '<', 19_000, 'and no more than that');
	is($v->{$_}, 0, "$_ 0") for qw(repeated reordered corrupt foreign);
};

done_testing();
