# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the manifest changes while records flow, and the group does not
# notice.
package Test::Forebay::Reload;

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# A daemon in the middle of its work, its producer, and its group's
# generation.
sub busy
{
	my ($b, %opt) = @_;
	my $topic = $b->topic(8);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, %opt);

	$f->start_ready(8);
	my $p = $b->producer($topic, rate => 4000);

	wait_until { $p->acked > 1000 } 'records flow';
	return ($f, $p, $f->group_generation);
}

# The end that all of them have.
sub all_delivered
{
	my ($b, $f, $p, $generation, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$p->close;
	$f->await_caught_up;
	is($f->group_generation, $generation,
	    'the generation of the group is the same')
	    if defined $generation;
	$f->drain;
	$b->caught_up_ok($f->{group});
	$f->delivered_ok(%opt);
	return;
}

body reload_bad => 'a bad manifest leaves the old one running', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my @pids = $f->worker_pids;
	my $number = $f->manifest_generation;

	spew($f->{file}, "kind: MonoVertex\nspec: {nonsense: [1,\n");
	my ($status, $text) = $f->reload;

	isnt($status, 0, 'reload fails');
	like($text, qr/forebay\.yaml:\d+:\d+: /, 'and says where');
	$f->signal('HUP');
	is_soon { $f->status->{counters}{reloads_refused} >= 2 }
	    'a signal does not do it either';
	is($f->manifest_generation, $number, 'the manifest is the old one');
	is_deeply([$f->worker_pids], \@pids, 'and so are the workers');
	$f->write_manifest;
	$f->reload_ok(undef, 'a good one is welcome');
	all_delivered($b, $f, $p, $generation);
};

body reload_bomb => 'a manifest that grows without measure is refused', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my $pid = $f->{pid};

	# Nine hundred kilobytes, four thousand times.
	spew($f->{file}, 'env: &e ' . 'x' x 900_000 . "\nlist: [" .
	    join(',', ('*e') x 4000) . "]\n");
	my ($status, $text) = $f->reload;

	isnt($status, 0, 'reload fails');
	like($text, qr/forebay\.yaml:2:7: more than 4 MiB of text/,
	    'and says where');
	ok(pid_alive($pid) && $f->status, 'the master is still the same');
	$f->write_manifest;
	$f->reload_ok(undef, 'a good one is welcome');
	all_delivered($b, $f, $p, $generation);
};

# The processes that read a manifest for this master.
sub loaders
{
	my ($pid) = @_;

	return grep {
		-e "/proc/$_/cmdline" && slurp("/proc/$_/cmdline") =~ /\0load\0/
	} split ' ', slurp("/proc/$pid/task/$pid/children");
}

body reload_loader => 'what reads the manifest may die, and be slow', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my ($loader, $refused);

	# A file that nobody writes to: whoever opens it waits.
	unlink $f->{file};
	system('mkfifo', $f->{file}) == 0 or die "mkfifo: $!\n";
	$f->signal('HUP');
	wait_until { ($loader) = loaders($f->{pid}) } 'the file is being read';
	is($f->status->{manifest}{reload}, 'READING', 'the master goes on turning');
	kill 'KILL', $loader;
	is_soon { $f->status->{counters}{reloads_refused} == 1 }
	    'its death is a refused reload';
	like($f->log_text, qr/reload: the process that reads the manifest/,
	    'which is said');
	unlink $f->{file};
	$f->write_manifest;
	$f->reload_ok(undef, 'a good one is welcome');
	all_delivered($b, $f, $p, $generation);
};

body reload_refused => 'what needs a restart is refused', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my $number = $f->manifest_generation;
	my ($status, $text) = $f->reload(sub {
		my ($spec) = @_;

		$spec->{source}{kafka}{consumerGroup} = 'another';
	});

	isnt($status, 0, 'reload fails');
	like($text, qr/consumerGroup/, 'and names the setting');
	like($text, qr/restart/, 'and what it needs');
	is($f->manifest_generation, $number, 'the manifest is the old one');
	all_delivered($b, $f, $p, $generation);
};

body reload_live => 'a live setting restarts nothing', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my @pids = $f->worker_pids;
	my $number = $f->manifest_generation;

	$f->reload_ok(sub {
		my ($spec, $host) = @_;

		$spec->{limits} = { readBatchSize => 50 };
		$host->{commitInterval} = '300ms';
	});
	is($f->manifest_generation, $number + 1, 'a new manifest');
	is_deeply([$f->worker_pids], \@pids, 'the same workers');
	is($f->metric('monovtx_read_batch_size'), 50, 'it is in force');
	all_delivered($b, $f, $p, $generation);
};

body reload_rolling => 'workers are replaced one by one', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b, workers => 2);
	my %old = map { $_ => 1 } $f->worker_pids;

	$f->reload_ok(sub { $_[1]{memory} = { budget => '32MiB' } });
	my @new = $f->worker_pids;

	is(scalar @new, 2, 'two workers');
	is(scalar(grep { $old{$_} } @new), 0, 'and both are new');
	is($f->held, 8, 'that hold all partitions');
	$f->reload_ok(sub { $_[1]{workers} = 4 }, 'up to four');
	is_soon { $f->worker_pids == 4 && $f->held == 8 } 'four workers';
	$f->reload_ok(sub { $_[1]{workers} = 1 }, 'down to one');
	is_soon { $f->worker_pids == 1 && $f->held == 8 } 'one worker';
	all_delivered($b, $f, $p, $generation);
};

# Who retires without a partition has nothing to release; and who crashes
# again and again is replaced, too.
body reload_without_lanes => 'workers without a partition are replaced', sub {
	my ($b) = @_;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    workers => 2);

	$f->start_ready(1);
	my %old = map { $_ => 1 } $f->worker_pids;

	$f->reload_ok(sub { $_[1]{memory} = { budget => '32MiB' } });
	is(scalar(grep { $old{$_} } $f->worker_pids), 0, 'both are new');
	# Twice within a second: the second time it is backed off from.
	for (1, 2) {
		my ($pid) = $f->worker_pids;

		kill('KILL', $pid);
		is_soon { !grep { $_ == $pid } $f->worker_pids } 'gone';
	}
	$f->reload_ok(sub { $_[1]{memory} = { budget => '16MiB' } },
	    'also while one is down');
	is_soon { $f->worker_pids == 2 && $f->held == 1 } 'all are back';
};

body reload_storm => 'a SIGHUP with a changed manifest every second', sub {
	my ($b) = @_;
	my ($f, $p, $generation) = busy($b);
	my $end = time + seconds(20);
	my $n = 0;

	while (time < $end) {
		my $next = time + 1;

		$n++;
		$f->edit(sub {
			my ($spec, $host) = @_;

			# By turns: roll, live, unchanged.
			$host->{memory}{budget} = 32 + $n . 'MiB'
			    if $n % 3 == 0;
			$spec->{limits}{readBatchSize} = 100 + $n
			    if $n % 3 == 1;
		});
		# Twice at once: they are gathered.
		$f->signal('HUP') for 1 .. 2;
		$f->check_alive;
		sleep($next - time) if $next > time;
	}
	is_soon { $f->status->{manifest}{reload} eq 'IDLE' } 'it settles';
	is($f->status->{counters}{reloads_refused}, 0, 'none was refused');
	cmp_ok($f->manifest_generation, '>', 5, 'manifests have changed');
	all_delivered($b, $f, $p, $generation);
};

# The second of two workers cannot be replaced, and then the first one cannot
# be replaced back: one has the new manifest, and it is not in force.
body reload_stuck => 'a roll-back that fails is tried again', sub {
	my ($b) = @_;
	my $dir = scratch();
	my $worker = build_dir() . '/forebay-worker';
	# While there is a file `few`, only so many may start.
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(2),
	    workers => 2, runtime => 'few', host => { runtimes => { few => {
		command => ['/bin/sh', '-c', ": >$dir/start.\$\$; "
		    . "[ -e $dir/few ] && [ `ls $dir | grep -c start` -gt 3 ]"
		    . " && exit 1; exec $worker"],
		protocol => 'worker' } } });
	my $of = sub {
		my $generation = shift;

		return grep { $_->{pid} && $_->{generation} == $generation }
		    $f->workers;
	};

	$f->start_ready(2);
	spew("$dir/few", '');
	my ($status, $text) = $f->reload(sub {
		$_[1]{memory} = { budget => '32MiB' };
	});

	isnt($status, 0, 'reload fails');
	like($text, qr/the manifest before is still in force/, 'and says so');
	is($f->manifest_generation, 1, 'it is');
	is($of->(1), 1, 'but not in one of the workers');
	is_soon { $f->log_text =~ /not all workers have the manifest in force/ }
	    'the log says that';
	unlink("$dir/few");
	is_soon { $of->(1) == 2 } 'until it works';
	is_soon { $f->held == 2 } 'all are held';
	$f->reload_ok(sub { $_[1]{memory} = { budget => '24MiB' } },
	    'and the next reload does');
}, only => 'mock';

# Another program in our place, and back.
body runtime_switch => 'another runtime takes over and gives back', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $env = scratch();
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    host => { runtimes => { other => { command => ['/bin/sh', '-c',
		"env >$env/env.new && mv $env/env.new $env/env && "
		    . 'exec sleep 1000'] } } });
	my $switch = sub {
		my ($name) = @_;

		return sub {
			$_[0]{containerTemplate} = { env => [
				{ name => 'NUMAFLOW_RUNTIME',
				    value => $name } ] };
		};
	};

	$b->produce($topic, 2000);
	$f->start->await_caught_up;
	$f->reload_ok($switch->('other'), 'over to the other');
	is_soon { -e "$env/env" } 'it is started';
	like(slurp("$env/env"), qr/^NUMAFLOW_MONO_VERTEX_OBJECT=\S+$/m,
	    'with the object of the reference');
	is($f->status->{runtime}, 'other', 'status names it');
	is(scalar $f->worker_pids, 0, 'our workers are gone');
	$b->produce($topic, 2000);
	my ($status, $text) = $f->reload($switch->('unheard-of'));

	isnt($status, 0, 'an unknown runtime is refused');
	like($text, qr/\bother\b/, 'and the known ones are listed');
	$f->reload_ok($switch->('c'), 'back again');
	$f->await_caught_up;
	all_delivered($b, $f, $b->producer($topic, rate => 100), undef);
};

1;
