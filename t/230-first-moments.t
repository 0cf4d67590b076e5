#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a program must have done before anything else: standard descriptors
# that are closed, signals that come before there is a handler; and signals
# by the hundred.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

# In front of the daemon, so that it starts with these redirections.
sub shell { return ['sh', '-c', "exec \"\$@\" $_[0]", 'sh'] }

sub number { return slurp("$_[0]{run}/pid") }

# What a descriptor of a process is: path and open mode (0 reads, 1 writes).
sub descriptor
{
	my ($pid, $fd) = @_;
	my ($flags) = slurp("/proc/$pid/fdinfo/$fd") =~ /^flags:\s+(\d+)/m;

	return (readlink("/proc/$pid/fd/$fd") // 'closed') . ' '
	    . (oct($flags // 0) & 3);
}

scenario 'a log sink without a standard output' => sub {
	for my $closed ('<&- >&-', '>&-', '</dev/null 1<&0') {
		my $topic = $broker->topic(1);
		my $f = Test::Forebay->new(broker => $broker, topic => $topic,
		    wrap => shell($closed));

		$broker->produce($topic, 10);
		$f->start_only;
		is($f->await_exit, 2, "$closed: refused");
		like($f->log_text,
		    qr/^\Q$f->{file}\E:\d+:\d+: spec\.sink\.log: .*standard output/m,
		    'with its place');
		ok(!-e "$f->{run}/pid", 'nothing was begun');
	}
};

scenario 'another sink needs none' => sub {
	my $topic = $broker->topic(1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole', wrap => shell('<&- >&-'));

	$f->start_ready(1);
	$broker->produce($topic, 100);
	$f->await_caught_up;
	is(number($f), "$f->{pid}\n", 'the pid file has the pid alone');
	for my $pid ($f->{pid}, $f->worker_pids) {
		is(descriptor($pid, 1), '/dev/null 0',
		    'standard output takes no bytes');
	}
	# In a reload the same is asked.
	my ($status, $text) = $f->reload(sub { $_[0]{sink} = { log => {} } });

	is($status, 1, 'a log sink is refused now, too');
	like($text, qr/spec\.sink\.log: .*standard output/, 'and why');
};

scenario 'all three are closed' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    sink => 'blackhole', dir => "$dir", wrap => shell('<&- >&- 2>&-'),
	    host => { log => { file => "$dir/err" } });

	$f->start_ready(1);
	is(number($f), "$f->{pid}\n", 'the pid file has the pid alone');
	is(descriptor($f->{pid}, 0), '/dev/null 1', 'nothing to be read');
	is(descriptor($f->{pid}, 2), "$dir/err 1", 'the log is where it is to be');
};

scenario 'signals before there is a handler' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2),
	    env => {
		LD_PRELOAD => build_dir() . '/t/preload/early.so',
		EARLY_SIGNALS => '1 10 12',
		ASAN_OPTIONS => join(':', $ENV{ASAN_OPTIONS} // (),
		    'verify_asan_link_order=0'),
	    });

	$f->start_only;
	wait_until { $f->check_alive; -e "$f->{run}/control" } 'it runs';
	# Its commands are not to be sent them: these they have no use for.
	$f->{env} = {};
	$f->await_held(2);
	is_soon { ($f->metric('forebay_reloads_total', result => 'ok')
	    // 0) == 1 } 'HUP is obeyed when there is something to reload';
	like($f->log_text, qr/cannot be upgraded/, 'USR2 is answered');
	is(scalar(() = $f->log_text =~ /was killed|exited with/g), 0,
	    'no worker died');
};

scenario 'a storm of HUPs' => sub {
	my $topic = $broker->topic(2);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole');

	$f->start_ready(2);
	my $before = $f->metric('forebay_reloads_total', result => 'ok') // 0;
	my ($start, $n) = (time, 0);

	for my $i (1 .. 200) {
		# Each of them would have to replace the workers.
		$f->edit(sub { $_[0]{limits}{readBatchSize} = 100 + $i });
		$f->signal('HUP');
		my $next = time + 0.01;

		wait_until { time > $next } 'a moment has passed';
	}
	is_soon { $f->status->{manifest}{generation} > 1 &&
	    ($f->cli('reload'))[1] =~ /nothing has changed/ }
	    'the last manifest is in force';
	my $took = time - $start;
	my $reloads = $f->metric('forebay_reloads_total', result => 'ok')
	    - $before;

	cmp_ok($reloads, '<=', 2 + $took / 0.1,
	    sprintf('%d reloads in %.1f s', $reloads, $took));
	cmp_ok($reloads, '<=', 20, 'of two hundred');
	is($f->held, 2, 'all partitions are held');
};

done_testing();
