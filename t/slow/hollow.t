#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Can each test fail?  All of t/ runs once more with programs in place of
# forebay and forebay-worker that do nothing and say that all is well: no test
# and no subtest of the first level may pass.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Test::Forebay::Util;

# Not about the daemon: brokers, helpers, the library itself, and what the
# helper `reference` says, which has the manifest's code in itself.
my %other = map { $_ => 1 } qw(000-helpers.t 010-kafka.t 100-manifest.t
    101-manifest-messages.t 102-manifest-reference.t 103-migration.t);

# A build directory that has all but the product.
my $build = scratch();

mkdir "$build/t" or die "$build/t: $!\n";
symlink(build_dir() . "/t/$_", "$build/t/$_") or die "$build/t/$_: $!\n"
    for qw(helper preload unit bench);
for my $program (qw(forebay forebay-worker)) {
	spew("$build/$program", "#!/bin/sh\nexit 0\n");
	chmod 0755, "$build/$program";
}

my @tests = $ENV{HOLLOW_TESTS} ? split(' ', $ENV{HOLLOW_TESTS})
    : sort glob source_dir() . '/t/[0-9]*.t';

for my $test (@tests) {
	my ($name) = $test =~ m{([^/]+)$};

	next if $other{$name};
	my ($status, $out) = run([$^X, '-I' . source_dir() . '/t/lib', $test],
	    timeout => 900, env => { FOREBAY_BUILD => "$build",
	    FOREBAY_PATIENCE => 0.03, FOREBAY_FAULT_SECONDS => 1,
	    FOREBAY_NO_SKIP => undef });
	# A subtest that only says why it is skipped has not passed.
	$out =~ s/^ +ok 1 # skip.*\n(?: +#.*\n)* +1\.\.1\nok .*\n//mg;
	my @passed = grep { !/# skip/i } $out =~ /^(ok .*)$/mg;

	# A file whose broker is missing says so before it begins.
	if ($out =~ /^1\.\.0 # SKIP (.*)/mi) {
		skip_for("$name: $1");
		next;
	}
	isnt($status, 0, "$name fails");
	is_deeply(\@passed, [], "$name: nothing in it passes");
}
done_testing();
