# SPDX-License-Identifier: Apache-2.0
#
# Commands and /metrics that are asked in the midst of a storm: methods of
# Storm.pm.
package Test::Forebay::Storm::Asking;

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Storm::Allowed;
use Test::Forebay::Util;

# Run a command beside everything else; `judge` gets exit status, output,
# error and when it began, and says what is wrong with them.  It is not asked if the host has
# changed its state in between.
sub job
{
	my ($self, $what, $cmd, $judge, %opt) = @_;
	my $dir = scratch();

	push @{$self->{jobs}}, { what => $what, judge => $judge, dir => $dir,
		host => $opt{host}, version => ($opt{host} // {})->{version},
		by => time + patience($opt{within} // 60), began => time,
		pid => spawn($cmd, out => "$dir/out", err => "$dir/err") };
	return;
}

sub look_at_jobs
{
	my ($self) = @_;
	my @jobs = splice(@{$self->{jobs}});

	for my $job (@jobs) {
		if (waitpid($job->{pid}, POSIX::WNOHANG()) == $job->{pid}) {
			$self->judge($job, $? & 127 ? 128 + ($? & 127) :
			    $? >> 8);
		} elsif (time > $job->{by}) {
			$self->failure("$job->{what}: no end after "
			    . sprintf('%.0f s', time - $job->{began}));
			kill_pid($job->{pid});
		} else {
			push @{$self->{jobs}}, $job;
		}
	}
	return;
}

sub judge
{
	my ($self, $job, $status) = @_;
	my $wrong = $job->{judge}->($status, slurp("$job->{dir}/out"),
	    slurp("$job->{dir}/err"), $job->{began});
	my $h = $job->{host};

	return unless $wrong;
	return if $h && $h->{version} != $job->{version};
	$self->failure("$job->{what}: $wrong");
	return;
}

# A host that has been up for a while answers; one that is not says why.
sub ask
{
	my ($self, $h, $what) = @_;
	my $f = $h->{f};
	my $settled = $h->{state} eq 'up' && time > $h->{since} + $Test::Forebay::Storm::Allowed::FELT;
	my @cmd = $what eq 'metrics' ? ($^X, '-I' . source_dir() . '/t/lib',
	    '-MTest::Forebay::Storm::Asking', '-e',
	    'Test::Forebay::Storm::Asking::scrape(@ARGV)', $f->command, $f->{run}) :
	    ($f->command, $what, '-d', $f->{run}, '--json');

	$self->job("$what of host $h->{name} ($h->{state})", \@cmd, sub {
		my ($status, $out, $err) = @_;

		return "exit status $status: $err" if $status && $settled;
		return "exit status $status and no reason"
		    if $status && $err !~ /\S/;
		return 'not JSON' if !$status && $what ne 'metrics' &&
		    !eval { JSON::PP::decode_json($out) };
		return;
	}, host => $h);
	return;
}

# GET /metrics, in a process of its own.
sub scrape
{
	my ($command, $run) = @_;
	my ($status, $out, $err) = run([$command, 'status', '-d', $run,
	    '--json']);

	if ($status) {
		print STDERR $err;
		exit($status);
	}
	my $f = bless { owner => 0 }, 'Test::Forebay';

	{
		no warnings 'redefine';
		local *Test::Forebay::status =
		    sub { return JSON::PP::decode_json($out) };
		my ($code, $body) = $f->http('/metrics');

		print STDERR "/metrics: code $code\n" if $code != 200;
		exit($code == 200 && $body =~ /^# TYPE/m ? 0 : 1);
	}
}

1;
